"""Live demos: modules that run in the reader's browser, as widgets in a notebook and as pages of their own."""

from dilviz.show.live.denoising import LiveDenoising
from dilviz.show.live.fork import LiveFork
from dilviz.show.live.horizon import LiveHorizon
from dilviz.show.live.live import Live
from dilviz.show.live.noising import LiveNoising
from dilviz.show.live.player import LivePlayer

__all__ = ["Live", "LiveDenoising", "LiveFork", "LiveHorizon", "LiveNoising", "LivePlayer"]
