"""Trainings that take seconds: points in the plane, a small network, and how it looked after every fifty steps."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import pi

import numpy as np
import torch
from torch import Tensor

from dilviz.diffusion import ExactDenoiser, MLPDenoiser, NoiseSchedule, ddim
from dilviz.diffusion.training import LOG_EVERY, training_steps
from dilviz.errors import InputError
from dilviz.show.datasets import dataset, resampled
from dilviz.show.pad import DrawingPad

T, LONGEST = 50, 2000  # timesteps; steps of a whole training
ROWS, SAMPLES, BATCH = 64, 256, 128  # noisy points a time at which answers are compared; samples shown; rows a step
CLOSE = 0.1  # a sample that is nearer to some point of the data counts as lying on it


THICK = 0.03  # standard deviation of ring and moons across their line


def _turns(most: float) -> tuple[Tensor, Tensor]:
    """Angles (400,) up to `most`, and a little noise (400, 2), in double precision: alike on every machine."""
    generator = torch.Generator().manual_seed(0)
    turn = most * torch.rand(400, generator=generator, dtype=torch.float64)
    return turn, THICK * torch.randn(400, 2, generator=generator, dtype=torch.float64)


def _ring() -> Tensor:
    turn, noise = _turns(2 * pi)
    return 0.8 * torch.stack([turn.cos(), turn.sin()], 1) + noise


def _moons() -> Tensor:
    turn, noise = _turns(pi)
    side = torch.tensor([1.0, -1.0]).repeat(200)
    return torch.stack([side * (0.55 * turn.cos() - 0.25), side * (0.75 * turn.sin() - 0.2)], 1) + noise


SHAPES: dict[str, Callable[[], Tensor]] = {
    "fork: points": lambda: dataset("fork: points").x0[:, 0],
    "two moons": _moons,
    "ring": _ring,
}


def shape(name: str) -> Tensor:
    """Points in the plane to train on.

    Args:
        name: as in SHAPES.

    Returns:
        (N, 1, 2) float32 in [-1, 1].

    Raises:
        InputError: no such shape.
    """
    if name not in SHAPES:
        raise InputError(f"shape {name!r} is unknown; take one of {', '.join(SHAPES)}.")
    return SHAPES[name]().float()[:, None]


def drawn_shape(pad: DrawingPad) -> Tensor:
    """What somebody drew, as data to train on.

    Args:
        pad: its points, and 100 points along each of its strokes; within [-1, 1].

    Returns:
        (N, 1, 2) float32.

    Raises:
        InputError: fewer than two points.
    """
    lines = [resampled(stroke, 100) for stroke in pad.drawn() if np.ptp(stroke, axis=0).max() > 0]
    points = np.concatenate([pad.predicted(), *lines])
    if len(points) < 2:
        raise InputError("there is nothing to train on yet; draw a line, or drop two points, on the pad.")
    return torch.from_numpy(points).float()[:, None]


class Timeless(MLPDenoiser):
    """The same network, but it is not told the time."""

    def _embed(self, t: Tensor) -> Tensor:
        return torch.zeros_like(super()._embed(t))


class Yardstick:
    """What the best denoiser there is says of some data, and how well it does.

    Args:
        x0: (N, 1, 2) the data.
        T: number of timesteps of the (cosine) schedule.

    Source:
        Bayes' rule; see `ExactDenoiser`.
    """

    def __init__(self, x0: Tensor, T: int = T) -> None:
        generator = torch.Generator().manual_seed(1)
        self.schedule, self.x0 = NoiseSchedule(T), x0
        self.t = torch.arange(T).repeat_interleave(ROWS)
        self.clean = x0[torch.randint(len(x0), (len(self.t),), generator=generator)]
        self.noise = torch.randn(self.clean.shape, generator=generator)
        self.xt = self.schedule.add_noise(self.clean, self.noise, self.t)  # (T · ROWS, 1, 2)
        self.start = torch.randn((SAMPLES, *x0.shape[1:]), generator=generator)

    @cached_property
    def best(self) -> Tensor:
        """The exact E[x_0 | x_t]: (T · ROWS, 1, 2)."""
        return ExactDenoiser(self.schedule, self.x0)(self.xt, self.t)

    @torch.no_grad()
    def loss(self, denoiser: Callable[[Tensor, Tensor], Tensor], prediction_type: str) -> Tensor:
        """The training loss of a denoiser at every t.

        Args:
            denoiser: called as `denoiser(xt, t)`.
            prediction_type: what it answers.

        Returns:
            (T,) mean squared errors.
        """
        target = self._said(self.clean, prediction_type)
        return self.over_rows((denoiser(self.xt, self.t) - target).square())

    def floor(self, prediction_type: str) -> float:
        """The training loss of the exact denoiser: no network has less on this data.

        Args:
            prediction_type: what is predicted.

        Returns:
            The mean squared error over all t.
        """
        return float(self.loss(lambda *_: self._said(self.best, prediction_type), prediction_type).mean())

    def _said(self, x0: Tensor, prediction_type: str) -> Tensor:
        """What a network of that kind answers when it means x_0."""
        if prediction_type == "sample":
            return x0
        noise = self.schedule.to_epsilon(x0, self.xt, self.t, "sample")
        return noise if prediction_type == "epsilon" else self.schedule.velocity(x0, noise, self.t)

    def over_rows(self, values: Tensor) -> Tensor:
        """The mean over the rows of each t.

        Args:
            values: (T · ROWS, 1, 2).

        Returns:
            (T,).
        """
        return values.flatten(1).mean(1).view(-1, ROWS).mean(1)

    def near(self, samples: np.ndarray) -> float:
        """How many samples lie on the data.

        Args:
            samples: (n, 2).

        Returns:
            The share of them that is within CLOSE of a point of the data.
        """
        gaps = torch.cdist(torch.from_numpy(samples).double(), self.x0[:, 0].double()).amin(1)
        return float((gaps < CLOSE).double().mean())


@dataclass(frozen=True)
class Shot:
    """What a training looked like at a moment.

    Args:
        steps: done by then.
        losses: (steps / 50 + 1,) mean losses of fifty steps each; the first was measured before any.
        samples: (SAMPLES, 2) by twenty steps of DDIM, from the same noise each time.
        answers: (T, ROWS, 2) estimates of x_0, not clipped.
        error: (T,) root mean square distance of a coordinate from the exact denoiser's.
    """

    steps: int
    losses: np.ndarray
    samples: np.ndarray
    answers: np.ndarray
    error: np.ndarray


class SmallTraining:
    """A training that goes on when it is asked to, and keeps a shot of every fifty steps.

    Args:
        yardstick: of the data.
        width: units of each of the three hidden layers.
        lr: peak learning rate.
        prediction_type: "epsilon", "sample" or "v_prediction".
        told_the_time: whether the network is told t.
        seed: of weights and draws.

    Raises:
        InputError: as `fit`.
    """

    def __init__(
        self,
        yardstick: Yardstick,
        width: int = 64,
        lr: float = 1e-2,
        prediction_type: str = "sample",
        told_the_time: bool = True,
        seed: int = 0,
    ) -> None:
        self.yardstick = yardstick
        kind = MLPDenoiser if told_the_time else Timeless
        self.denoiser = kind(1, 2, width=width, prediction_type=prediction_type, seed=seed)
        self._losses = [float(yardstick.loss(self.denoiser, prediction_type).mean())]
        self._shots = [self._shot()]
        self._records = training_steps(
            self.denoiser, yardstick.schedule, yardstick.x0, steps=LONGEST, batch_size=BATCH, lr=lr, warmup=LOG_EVERY,
            ema_decay=0.99, device="cpu", seed=seed,
        )  # fmt: skip
        weakref.finalize(self, self._records.close)  # a generator that the end of Python closes complains

    def at(self, steps: int) -> Shot:
        """How it looks after some steps; those that are missing are done now.

        Args:
            steps: 0 to LONGEST, a multiple of 50.

        Returns:
            The shot.

        Raises:
            InputError: another number of steps.
        """
        if steps not in range(0, LONGEST + 1, LOG_EVERY):
            raise InputError(f"steps is {steps!r}; give 0 to {LONGEST} in steps of {LOG_EVERY}.")
        while len(self._shots) <= steps // LOG_EVERY:
            self._losses.append(next(self._records).loss)
            self._shots.append(self._shot())
        return self._shots[steps // LOG_EVERY]

    @property
    def last(self) -> Shot:
        """As far as it has come."""
        return self._shots[-1]

    @torch.no_grad()
    def _shot(self) -> Shot:
        stick, kind = self.yardstick, self.denoiser.prediction_type
        samples = ddim(self.denoiser, stick.schedule, stick.start, 20)
        assert isinstance(samples, Tensor)  # no trace was asked for
        answers = stick.schedule.to_x0(self.denoiser(stick.xt, stick.t), stick.xt, stick.t, kind)
        error = stick.over_rows((answers - stick.best).square()).sqrt()
        shown = answers.view(-1, ROWS, 2).numpy()
        return Shot(
            LOG_EVERY * (len(self._losses) - 1), np.array(self._losses), samples[:, 0].numpy(), shown, error.numpy()
        )
