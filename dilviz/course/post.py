"""The founding post's `train_diffusion_model` and `sample_from_model`, made to run: as written, and mended.

Structure and names are the post's, the words are ours. What is under discussion are two lines: what the network is
shown (`noised`), and what the sampler takes for x_{t-1} (`previous`). Each comes as written and mended.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable

import torch
from torch import Tensor

from dilviz.diffusion import MLPDenoiser, NoiseSchedule
from dilviz.show.datasets import dataset

CLOSE = 0.25  # that near to an answer a sample counts as that answer
STEPS, BATCH = 1200, 256
Noised = Callable[[NoiseSchedule, Tensor, Tensor, torch.Generator], Tensor]
Previous = Callable[[NoiseSchedule, Tensor, Tensor, int, torch.Generator], Tensor]


def fork_answers() -> Tensor:
    """Where experts pass the tree: one walk on the left for two on the right, so that it matters how often.

    Returns:
        (N, 1, 2) points in [-1, 1].
    """
    points = dataset("fork: points").x0
    left, right = points[points[:, 0, 0] < 0], points[points[:, 0, 0] > 0]
    return torch.cat([left[: len(right) // 2], right])


# What the network is shown: as written, and mended


def noise_to_the_end(schedule: NoiseSchedule, x0: Tensor, t: Tensor, generator: torch.Generator) -> Tensor:
    """As written: x_T, whatever the label t says.

    Args:
        schedule: the noise.
        x0: (B, 1, 2) clean.
        t: (B,) times, not looked at.
        generator: draws.

    Returns:
        What the network is shown, like x0.
    """
    return schedule.add_noise(x0, torch.randn(x0.shape, generator=generator), len(schedule) - 1)


def noise_to_t(schedule: NoiseSchedule, x0: Tensor, t: Tensor, generator: torch.Generator) -> Tensor:
    """Mended: x_t, as noisy as the label t says.

    Args:
        schedule: the noise.
        x0: (B, 1, 2) clean.
        t: (B,) times.
        generator: draws.

    Returns:
        What the network is shown, like x0.
    """
    return schedule.add_noise(x0, torch.randn(x0.shape, generator=generator), t)


# What the sampler takes for x_{t-1}: as written, and mended


def the_estimate(schedule: NoiseSchedule, xt: Tensor, x0: Tensor, t: int, generator: torch.Generator) -> Tensor:
    """As written: the estimate of x_0 itself.

    Args:
        schedule: the noise.
        xt: (B, 1, 2) at time t.
        x0: like xt, the estimate.
        t: the time, 0 to T-1.
        generator: draws.

    Returns:
        x_{t-1}, like xt.
    """
    return x0


def posterior_mean(schedule: NoiseSchedule, xt: Tensor, x0: Tensor, t: int, generator: torch.Generator) -> Tensor:
    """Half mended: the middle of q(x_{t-1} | x_t, x_0), without its noise.

    Args:
        schedule: the noise.
        xt: (B, 1, 2) at time t.
        x0: like xt, the estimate.
        t: the time, 0 to T-1.
        generator: draws.

    Returns:
        x_{t-1}, like xt.
    """
    return schedule.posterior(xt, x0, t, t - 1)[0]


def estimate_and_noise(schedule: NoiseSchedule, xt: Tensor, x0: Tensor, t: int, generator: torch.Generator) -> Tensor:
    """The other half: the posterior's noise around the estimate itself.

    Args:
        schedule: the noise.
        xt: (B, 1, 2) at time t.
        x0: like xt, the estimate.
        t: the time, 0 to T-1.
        generator: draws.

    Returns:
        x_{t-1}, like xt.
    """
    variance = schedule.posterior(xt, x0, t, t - 1)[1]
    return x0 + variance.sqrt() * torch.randn(xt.shape, generator=generator)


def posterior_draw(schedule: NoiseSchedule, xt: Tensor, x0: Tensor, t: int, generator: torch.Generator) -> Tensor:
    """Mended: a draw from q(x_{t-1} | x_t, x_0); at the last step its variance is 0.

    Args:
        schedule: the noise.
        xt: (B, 1, 2) at time t.
        x0: like xt, the estimate.
        t: the time, 0 to T-1.
        generator: draws.

    Returns:
        x_{t-1}, like xt.
    """
    mean, variance = schedule.posterior(xt, x0, t, t - 1)
    return mean + variance.sqrt() * torch.randn(xt.shape, generator=generator)


# The post's two functions


def train_diffusion_model(
    trajectories: Tensor, timesteps: int, noised: Noised = noise_to_the_end, seed: int = 0
) -> MLPDenoiser:
    """The post's training; its loops over x_0 and t are one batch here, in which each row has its own.

    Args:
        trajectories: (N, 1, 2) clean data in [-1, 1].
        timesteps: T.
        noised: makes what the network is shown of x_0 and t.
        seed: of all draws.

    Returns:
        A network that estimates x_0.
    """
    schedule = NoiseSchedule(timesteps)
    draws = torch.Generator().manual_seed(seed)
    model = MLPDenoiser(1, 2, width=64, seed=seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(STEPS):
        x0 = trajectories[torch.randint(len(trajectories), (BATCH,), generator=draws)]
        t = torch.randint(timesteps, (BATCH,), generator=draws)
        loss = (model(noised(schedule, x0, t, draws), t) - x0).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


@torch.no_grad()
def sample_from_model(model: MLPDenoiser, noise: Tensor, timesteps: int, previous: Previous = the_estimate) -> Tensor:
    """The post's sampler.

    Args:
        model: estimates x_0.
        noise: (B, 1, 2), the start.
        timesteps: T.
        previous: makes x_{t-1} of x_t and the estimate of x_0.

    Returns:
        The samples, like noise.
    """
    schedule = NoiseSchedule(timesteps)
    draws = torch.Generator().manual_seed(1)
    xt = noise
    for t in range(timesteps - 1, -1, -1):
        x0 = model(xt, torch.full((len(xt),), t))
        xt = previous(schedule, xt, x0, t, draws)
    return xt


def kept_noise(schedule: NoiseSchedule, xt: Tensor, x0: Tensor, t: int, generator: torch.Generator) -> Tensor:
    """Another mend: DDIM's step, which draws nothing and keeps the noise that is there.

    Args:
        schedule: the noise.
        xt: (B, 1, 2) at time t.
        x0: like xt, the estimate.
        t: the time, 0 to T-1.
        generator: not drawn from.

    Returns:
        x_{t-1}, like xt.
    """
    return schedule.add_noise(x0, schedule.to_epsilon(x0, xt, t, "sample"), t - 1)


# What came of it


def shares(samples: Tensor) -> dict[str, float]:
    """Where samples lie.

    Args:
        samples: (B, 1, 2).

    Returns:
        The shares "left" and "right" (within CLOSE of the middle of that answer) and "between" (all others), and
        "spread", the standard deviation in x.
    """
    x, data = samples[:, 0], fork_answers()[:, 0]
    middles = [data[data[:, 0] < 0].mean(0), data[data[:, 0] > 0].mean(0)]
    left, right = (float(((x - middle).norm(dim=1) < CLOSE).float().mean()) for middle in middles)
    return {"left": left, "between": 1 - left - right, "right": right, "spread": float(x[:, 0].std(correction=0))}


def tell(name: str, samples: Tensor) -> dict[str, float]:
    """Print where samples lie, in one line: shares to the nearest ten per cent, the spread to the nearest fifth.

    Args:
        name: of the line.
        samples: (B, 1, 2).

    Returns:
        Their `shares`.
    """
    found = shares(samples)
    counts = "  ".join(f"{key} {10 * round(10 * found[key]):3d} %" for key in ("left", "between", "right"))
    print(f"{name:24} {counts}  spread {round(5 * found['spread']) / 5:.1f}")
    return found


def rows(written: MLPDenoiser, mended: MLPDenoiser) -> list[tuple[str, MLPDenoiser, Previous]]:
    """The mends, one after the other.

    Args:
        written: trained as the post has it.
        mended: trained on x_t under the label t.

    Returns:
        A name, the network and what the sampler takes for x_{t-1}, for each row of the table.
    """
    return [
        ("as written", written, the_estimate),
        ("mend 1", mended, the_estimate),
        ("mend 2", written, posterior_mean),
        ("mend 3", written, estimate_and_noise),
        ("mends 1, 2", mended, posterior_mean),
        ("mends 1, 3", mended, estimate_and_noise),
        ("mends 2, 3", written, posterior_draw),
        ("mends 1, 2, 3", mended, posterior_draw),
        ("mend 1, DDIM's step", mended, kept_noise),
    ]


def source(*functions: Callable) -> None:
    """Print functions as they stand here, without docstrings and type hints.

    Args:
        functions: of this file.
    """
    for function in functions:
        definition = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
        assert isinstance(definition, ast.FunctionDef)
        for argument in definition.args.args:
            argument.annotation = None
        definition.returns, definition.body = None, definition.body[1:]
        lines = ast.unparse(definition).splitlines()
        print("\n".join(line + _mark(line) for line in lines), end="\n\n")


def _mark(line: str) -> str:
    """What the lesson says of a line."""
    marks = {"(noised(": "  # <- 1", "= previous(": "  # <- 2 and 3"}
    return next((mark for piece, mark in marks.items() if piece in line), "")
