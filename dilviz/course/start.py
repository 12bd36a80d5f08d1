"""How a lesson starts: one call, the same in every lesson."""

from __future__ import annotations

import importlib
import os

import ipywidgets
import torch
from IPython.display import display

from dilviz.course import progress
from dilviz.course.check import exercises
from dilviz.course.checkup import DoctorPanel
from dilviz.diffusion import resolve_device
from dilviz.errors import InputError

LESSONS = {
    "00": "lesson_00",
    "01": "lesson_01",
    "02": "lesson_02",
    "03": "lesson_03",
    "04": "lesson_04",
    "05": "lesson_05",
    "06": "lesson_06",
    "10": "lesson_10",
}

# A still stands where no widget can show; where this one shows, the live picture follows.
# Lines of text break between words, not within.
STYLE = """<style>.jp-RenderedMarkdown img[src*='stills/'] {display: none}
.jp-RenderedText pre {word-break: normal; overflow-wrap: anywhere}</style>"""


class Progress(ipywidgets.HTML):
    """What has been solved of a lesson; it follows the checks.

    Args:
        lesson: "01".
        note: words behind it.
    """

    def __init__(self, lesson: str, note: str = "") -> None:
        super().__init__()
        self.lesson, self.note = lesson, note
        self.add_class("dilviz")
        self.refresh()
        progress.WATCHERS.add(self)

    def refresh(self) -> None:
        """Show what has been solved by now."""
        todo, done = exercises(self.lesson), progress.solved()
        count = sum(one.name in done for one in todo)
        left = sum(one.minutes for one in todo if one.name not in done)
        marks = " ".join(("●" if one.name in done else "○") + "&nbsp;" + one.name.split(".")[1] for one in todo)
        rest = f"about {left} min of exercises left" if left else "all solved"
        self.value = f"{count} of {len(todo)} solved, {rest} &nbsp; {marks} {self.note}"

    def __repr__(self) -> str:
        # What one learner has solved is no part of the lesson, so the text that is compared leaves it out.
        return f"Progress of lesson {self.lesson}"


def start(lesson: str) -> None:
    """Begin a lesson: one thread, the device, the exercises, what has been solved so far; in the first one the doctor.

    Args:
        lesson: its number, "01".

    Raises:
        InputError: no such lesson.
    """
    if lesson not in LESSONS:
        raise InputError(f"there is no lesson {lesson!r}; there are {', '.join(LESSONS)}.")
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    # Small networks lose by a second thread, and one thread gives the same numbers on every run.
    torch.set_num_threads(1)
    importlib.import_module(f"dilviz.course.{LESSONS[lesson]}")
    display(Progress(lesson, f"<br>torch {torch.__version__} on {resolve_device()}, one thread{STYLE}"))
    if lesson == min(LESSONS):
        display(DoctorPanel())


class Settings(ipywidgets.HTML):
    """How the machine is used: the head of a page beside the lessons."""

    def __init__(self) -> None:
        super().__init__(f"torch {torch.__version__} on {resolve_device()}, one thread{STYLE}")
        self.add_class("dilviz")

    def __repr__(self) -> str:
        return "One thread"  # the rest is the machine's


def start_appendix() -> None:
    """Begin a page beside the lessons: one thread, no exercises."""
    torch.set_num_threads(1)
    display(Settings())


def show_progress(lesson: str) -> Progress:
    """What has been solved of a lesson so far.

    Args:
        lesson: "01".

    Returns:
        A widget that says so.
    """
    return Progress(lesson)
