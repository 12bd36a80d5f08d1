"""How long a decision takes: our figures from assets/results/latency.json, and what others have published."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from dilviz.assets import asset
from dilviz.course.results import Folded
from dilviz.show.base import rounded


@dataclass(frozen=True)
class Published:
    """A figure from the literature.

    Args:
        what: network, its size, and how it samples.
        ms: of one decision.
        where: the machine, as far as the source says.
        source: the paper or the repository.
    """

    what: str
    ms: float
    where: str
    source: str


_CLEAN = "CleanDiffuser, arXiv 2406.09509"
PUBLISHED = (
    Published("on a robot, DDIM 10", 100, "RTX 3080", "Chi et al., arXiv 2303.04137"),
    Published("U-Net 68.9 M, 50 passes", 405, "not said", _CLEAN),
    Published("transformer 9.5 M, 50 passes", 343, "not said", _CLEAN),
    Published("DiT 16.6 M, 50 passes", 194, "not said", _CLEAN),
    Published("MLP 0.83 M, 50 passes", 62, "not said", _CLEAN),
    Published("ACT 7.8 M, no diffusion", 6, "not said", _CLEAN),
    Published("U-Net, images, 100 passes", 391, "RTX 4090", "DMPO's readme (a third party)"),
    Published("consistency policy, images, 1 pass", 5.4, "RTX 4090", "DMPO's readme (a third party)"),
)


def latency_table() -> Folded:
    """Our figures, and what others have published, folded.

    Returns:
        What the cell shows.

    Raises:
        InputError: the folder of assets is not found.
    """
    return Folded("Milliseconds a decision: every learner, sampler and number of passes, and published ones", _text())


def _text() -> str:
    content = json.loads(asset("results", "latency.json").read_text(encoding="utf-8"))
    ours = {row["name"].removeprefix("latency "): row["p50"] for row in content["rows"]}
    return "\n\n".join([_learners(ours), _samplers(ours), _foot(content), _published()])


def _learners(ours: dict[str, float]) -> str:
    names = [name for name in ours if not name.startswith("diffusion ")]
    lines = ["one pass (the U-Net: DDIM, 10 passes)"]
    return "\n".join(lines + [f"  {name:18} {rounded(ours[name]):>7}" for name in names])


def _samplers(ours: dict[str, float]) -> str:
    cells = [name.split()[1:] for name in ours if name.startswith("diffusion ")]
    steps = list(dict.fromkeys(n for _, n in cells))
    lines = [f"{'diffusion, passes':20}" + "".join(f"{n:>8}" for n in steps)]
    for sampler in dict.fromkeys(sampler for sampler, _ in cells):
        figures = "".join(f"{rounded(ours[f'diffusion {sampler} {n}']):>8}" for n in steps)
        lines.append(f"  {sampler:18}{figures}")
    return "\n".join(lines)


def _foot(content: dict[str, Any]) -> str:
    return (
        f"(median for one agent, networks of 0.07 M weights, one thread of a CPU, torch {content['torch']}; "
        f"{content['command']})"
    )


def _published() -> str:
    lines = [f"{'published':36}{'ms':>6}  on"]
    lines += [f"  {one.what:34}{one.ms:>6g}  {one.where}; {one.source}" for one in PUBLISHED]
    return "\n".join([*lines, "(Other networks, other machines, images in some: orders of magnitude, no race.)"])
