"""dilviz: understand diffusion policies by playing with them."""

__version__ = "0.1.0"
