"""Environments, and experts that are scripted."""
