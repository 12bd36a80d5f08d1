"""A page of `dilviz embed`, shown in a notebook in a frame, as a blog shows it."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from dilviz.show.live.source import joined


class PageFrame(anywidget.AnyWidget):
    """A frame with a page in it, and the script around it that a Hugo site gets: it follows the page's height.

    Args:
        page: the file, as `embed.page` makes it.
        state: where to begin, as an address has it behind the #; assign it, and the demo goes there.
        sandbox: what the page may do.
        height: pixels, until the page has told its own.
        followed: whether the frame takes that height, and tells the page what it stands on.
    """

    _esm = joined("frame.js", "framed.js")
    page = traitlets.Bytes().tag(sync=True)
    state = traitlets.Unicode().tag(sync=True)
    sandbox = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int().tag(sync=True)
    followed = traitlets.Bool().tag(sync=True)
    label = traitlets.Unicode("A page with a live demo, in a frame").tag(sync=True)

    def __init__(
        self,
        page: bytes,
        state: str = "",
        *,
        sandbox: str = "allow-scripts",
        height: int = 480,
        followed: bool = True,
    ) -> None:
        more = {"sandbox": sandbox, "height": height, "followed": followed}
        super().__init__(page=page, state=state, **more)

    @traitlets.validate("state")
    def _behind_the_hash(self, proposal: Any) -> str:
        return proposal.value.removeprefix("#")

    def __repr__(self) -> str:
        """One line: the state."""
        return f"PageFrame(state={self.state!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/plain": repr(self)}, metadata
