"""The course's mechanics: how a lesson starts, how an answer is checked, what has been solved."""

from dilviz.course.agreement import agree, sides
from dilviz.course.check import check, is_solved
from dilviz.course.results import card, comparison, folded, table
from dilviz.course.start import show_progress, start, start_appendix
from dilviz.show.base import rounded

__all__ = [
    "agree",
    "card",
    "check",
    "comparison",
    "folded",
    "is_solved",
    "rounded",
    "show_progress",
    "sides",
    "start",
    "start_appendix",
    "table",
]
