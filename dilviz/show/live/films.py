"""Films of rollouts: recorded from a task's own renderer, and made small enough for a page."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from dilviz.errors import InputError, MissingExtra
from dilviz.imitation.episodes import Episodes
from dilviz.imitation.rollout import Policy, rollout
from dilviz.tasks import Task

BUDGET = 200_000  # characters of all films of a page
# Widths in pixels and frames a film, largest first: the first that keeps the budget is taken.
SIZES = [(480, 120), (400, 90), (360, 72), (320, 60), (280, 48), (240, 36), (200, 27), (160, 20), (120, 15)]
SAMPLE = 4  # frames by which a size is judged at first
QUALITY, COLORS = 60, 32  # of WebP; of a palette where there is no WebP


@dataclass(frozen=True, eq=False)
class Film:
    """What was seen of one episode.

    Args:
        frames: (H, W, 3) uint8, one before each step and one after the last.
        ends: what became of it, in a few words, told when it has ended.
    """

    frames: Sequence[np.ndarray]
    ends: str = ""


def record(policy: Policy, task: Task, seed: int) -> Film:
    """Let a policy act once, in front of the task's own camera.

    Args:
        policy: an expert or a learner.
        task: one that has a renderer.
        seed: of the episode.

    Returns:
        The film.

    Raises:
        InputError: the task draws no picture.
        MissingExtra: a package is not installed.
    """
    return replay(rollout(policy, task, [seed]), task)


def replay(episodes: Episodes, task: Task) -> Film:
    """Do the actions of an episode again, in front of the task's own camera.

    Args:
        episodes: the first one is taken.
        task: in which they were done.

    Returns:
        The film.

    Raises:
        InputError: the task draws no picture, or what was done there leads elsewhere.
        MissingExtra: a package is not installed.
    """
    env = _camera(task)
    box: Any = env.action_space
    newest, _ = env.reset(seed=int(episodes.seeds[0]))
    frames = [env.render()]
    for action in episodes.actions[: episodes.episode_ends[0]]:
        newest, *_ = env.step(np.clip(action, box.low, box.high))
        frames.append(env.render())
    env.close()
    if not np.allclose(newest, episodes.last[0], atol=1e-3):
        raise InputError(f"the actions of seed {episodes.seeds[0]} lead elsewhere in {task.name}; record them anew.")
    return Film([np.asarray(frame) for frame in frames], "succeeds" if episodes.success[0] else "fails")


def has_camera(task: Task) -> bool:
    """Whether a task's environment draws pictures.

    Args:
        task: any.

    Returns:
        Whether.
    """
    found: Any = gymnasium.envs.registration.load_env_creator(str(gymnasium.spec(task.env_id).entry_point))
    return "rgb_array" in found.metadata["render_modes"]


def _camera(task: Task) -> gymnasium.Env:
    # Without a screen pygame complains on stderr, and a notebook would show it.
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        if has_camera(task):
            return gymnasium.make(task.env_id, render_mode="rgb_array", **task.options)
    except (gymnasium.error.DependencyNotInstalled, ImportError) as error:
        raise MissingExtra(f"pictures of {task.name} need a package that is not installed: {error}.") from error
    raise InputError(f"task {task.name!r} draws no pictures; play its episodes as walks, with `walks`.")


def encoded(films: Sequence[Sequence[np.ndarray]], budget: int = BUDGET) -> list[dict[str, Any]]:
    """Films as text, thinned and scaled until they keep a budget.

    Args:
        films: one or more, each of one or more frames (H, W, 3) uint8.
        budget: characters, of all together.

    Returns:
        {"frames": data URIs, "steps": the index of each} for each film; its first and its last frame are among them.

    Raises:
        InputError: frames that are no pictures, or too many films for the budget.
        MissingExtra: Pillow is not installed.
    """
    for frames in films:
        _check(frames)
    for width, count in SIZES:
        if sum(_guess(frames, width, count) for frames in films) > 1.3 * budget:
            continue
        made = [_encoded(frames, width, count) for frames in films]
        if sum(len(uri) for film in made for uri in film["frames"]) <= budget:
            return made
    raise InputError(f"{len(films)} films do not fit into {budget:,} characters; play fewer at once.")


def _check(frames: Sequence[np.ndarray]) -> None:
    shapes = sorted({np.shape(frame) for frame in frames})
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][2] != 3 or 0 in shapes[0]:
        told = " and ".join(map(str, shapes)) or "no"
        raise InputError(f"a film has frames of {told} shape; give one or more, all (H, W, 3).")
    if {np.asarray(frame).dtype for frame in frames} != {np.dtype(np.uint8)}:
        raise InputError("a film's frames are no bytes; give red, green and blue as uint8, from 0 to 255.")


def _guess(frames: Sequence[np.ndarray], width: int, count: int) -> float:
    """What a film will weigh, from a few of its frames: most sizes need not be tried."""
    some = np.linspace(0, len(frames) - 1, SAMPLE).round().astype(int)
    return min(count, len(frames)) * float(np.mean([len(_uri(frames[k], width)) for k in some]))


def _encoded(frames: Sequence[np.ndarray], width: int, count: int) -> dict[str, Any]:
    steps = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int).tolist()
    return {"frames": [_uri(frames[step], width) for step in steps], "steps": steps}


def _uri(frame: np.ndarray, width: int) -> str:
    try:
        from PIL import Image, features
    except ImportError as error:
        raise MissingExtra("films are encoded by Pillow: pip install pillow.") from error
    picture, file = Image.fromarray(frame), io.BytesIO()
    wide = min(width, picture.width)
    picture = picture.resize((wide, max(round(wide * picture.height / picture.width), 1)), Image.Resampling.LANCZOS)
    kind = "webp" if features.check("webp") else "png"
    if kind == "webp":
        picture.save(file, "WEBP", quality=QUALITY)
    else:
        picture.quantize(COLORS, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
