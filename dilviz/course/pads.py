"""Pads that ask for a prediction: whoever has seen the truth is asked another question."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from dilviz.course.check import NotYet, Wrong
from dilviz.show.pad import DrawingPad


class AskingPad(DrawingPad):
    """A pad that poses one of its questions; a new pad does not pose one again whose truth has been shown.

    A lesson's pad names its `questions` and says in `pose` how one is put.

    Args:
        options: of `DrawingPad`.
    """

    questions: ClassVar[tuple] = ()
    _shown: ClassVar[Counter[str]] = Counter()  # truths that this kernel has shown, by the kind of pad

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._answered = False  # the truth lies over the drawing, until that is cleared
        self.ask()
        self.observe(self._cleared, ["points", "strokes"])

    def pose(self, question: Any) -> None:
        """Put a question: set label, background, what the judge needs.

        Args:
            question: one of `questions`.
        """
        raise NotImplementedError

    def ask(self) -> None:
        """Pose the question whose truth has not been shown yet; they come round again when all were."""
        self.pose(self.questions[self._shown[type(self).__name__] % len(self.questions)])

    @property
    def drawing(self) -> list:
        """What the learner drew: the strokes or the points."""
        return self.strokes if self.mode == "strokes" else self.points

    def ask_again(self) -> None:
        """The truth lies over the drawing now: as soon as that is cleared, another question is posed."""
        self._answered = True
        self._shown[type(self).__name__] += 1

    def _cleared(self, _change: Any) -> None:
        if self._answered and not self.drawing:
            self._answered = False
            self.ask()

    @classmethod
    def judged(cls, pad: Any, awaited: int) -> AskingPad:
        """The pad that an exercise is to judge.

        Args:
            pad: what the learner handed in.
            awaited: how many points or strokes are asked for.

        Returns:
            It.

        Raises:
            Wrong: it is no such pad.
            NotYet: it holds another number of points or strokes, or the truth is on it.
        """
        if not isinstance(pad, cls):
            raise Wrong(f"this check reads the pad, but got {type(pad).__name__}; run the cell above it again.")
        if pad._answered:
            raise NotYet("the truth is on the pad; press Clear, and you get another question.")
        noun = "stroke" if pad.mode == "strokes" else "point"
        asked = f"one {noun} is" if awaited == 1 else f"{awaited} {noun}s are"
        if len(pad.drawing) != awaited:
            raise NotYet(f"{asked} asked for and {len(pad.drawing)} are on the pad; then run this cell again.")
        return pad
