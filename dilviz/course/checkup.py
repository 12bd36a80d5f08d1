"""`dilviz doctor` inside a lesson."""

from __future__ import annotations

from html import escape

import ipywidgets

from dilviz.doctor import doctor


class DoctorPanel(ipywidgets.HBox):
    """What is installed, what is missing, and how to mend it; a button looks again."""

    def __init__(self) -> None:
        self.report = ipywidgets.HTML()
        self.again = ipywidgets.Button(description="Look again", layout={"width": "auto", "flex": "none"})
        self.again.on_click(lambda _: self.look())
        super().__init__([self.report, self.again], layout={"align_items": "flex-start"})
        self.add_class("dilviz")
        self.look()

    def look(self) -> None:
        """Look the installation over and show what was found."""
        found = doctor()
        checks: list[dict] = list(found["checks"])  # type: ignore[call-overload]
        missing = [row for row in checks if not row["ok"]]
        verdict = f"{'All' if found['ok'] else 'Not all'} that the course needs is there."
        # What needs no mending is folded away.
        rows = "".join(f"<li>{'✓' if row['ok'] else '–'} {_line(row)}</li>" for row in checks)
        notes = "".join(f"<li><b>{escape(row['name'])}</b>: {escape(str(row['mend']))}</li>" for row in missing)
        self.report.value = (
            f"<b>Doctor.</b> {verdict}{f'<ul>{notes}</ul>' if notes else ' '}"
            f"<details><summary>What was looked at: {len(checks)} things</summary>"
            f"<ul style='list-style: none; line-height: 1.5'>{rows}</ul></details>"
        )

    def __repr__(self) -> str:
        # What is installed here is no part of the lesson, so the text that is compared leaves it out.
        return "Doctor"


def _line(row: dict) -> str:
    return f"{escape(row['name'])}: {escape(str(row['detail']))}"
