"""One training step nine times, from the textbook's loop to `fit`: each rung changes one thing and no result.

A rung is the class before it with a method replaced, so what it changes can be read in its few lines. All draw the same
batch, times and noise from one generator, so that after any number of steps their weights agree but for rounding.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

from dilviz.diffusion import NoiseSchedule
from dilviz.diffusion.loop import MAX_GRADIENT_NORM, WEIGHT_DECAY, Loop, mixing_table
from dilviz.diffusion.recipe import learning_rate
from dilviz.diffusion.training import LOG_EVERY


class Textbook:
    """The loop as a tutorial writes it: a DataLoader, batches moved to the device, `loss.item()` at every step.

    Args:
        denoiser: predicts x_0; it is trained in place.
        schedule: the noise.
        data: (N, horizon, dim) clean data.
        cond: (N, cond_dim).
        recipe: with steps, batch_size, lr, warmup, ema_decay and seed, as in `fit`.
        device: where it runs.
    """

    def __init__(
        self,
        denoiser: nn.Module,
        schedule: NoiseSchedule,
        data: Tensor,
        cond: Tensor,
        recipe: dict,
        device: torch.device,
    ) -> None:
        self.denoiser, self.schedule, self.recipe, self.device = denoiser.to(device).train(), schedule, recipe, device
        self.generator = torch.Generator(device).manual_seed(recipe["seed"])
        self.steps, self.losses = 0, [0.0]
        self._load(data, cond)
        self._prepare()

    def step(self) -> None:
        """One step: a batch, its noise, the loss, the gradient, the weights, their average."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.steps, self.recipe)
        x0, cond = self._batch()
        noise = torch.randn(x0.shape, generator=self.generator, device=self.device)
        t = torch.randint(len(self.schedule), (len(x0),), generator=self.generator, device=self.device)
        xt, target = self._noised(x0, noise, t)
        loss = mse_loss(self.denoiser(xt, t, cond), target)
        self._update(loss)
        self._average(1 - min(self.recipe["ema_decay"], (1 + self.steps) / (10 + self.steps)))
        self.steps += 1
        self._log(loss)

    def averaged(self) -> Tensor:
        """The moving average of all weights, (parameters,)."""
        return torch.cat([p.detach().flatten() for p in self.ema.parameters()])

    def _load(self, data: Tensor, cond: Tensor) -> None:
        pairs = TensorDataset(data, cond)
        own = torch.Generator()  # or the loader draws a seed for its workers from the global one
        self.batches = iter(DataLoader(pairs, batch_sampler=self._indices(len(data)), generator=own))

    def _indices(self, rows: int) -> Iterator[list[int]]:
        while True:
            yield self._draw_index(rows).tolist()

    def _draw_index(self, rows: int) -> Tensor:
        size = (self.recipe["batch_size"],)
        return torch.randint(rows, size, generator=self.generator, device=self.device)

    def _prepare(self) -> None:
        self.ema = copy.deepcopy(self.denoiser)
        self.optimizer = self._optimizer()

    def _optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.denoiser.parameters(), weight_decay=WEIGHT_DECAY, foreach=False)

    def _batch(self) -> tuple[Tensor, Tensor]:
        x0, cond = next(self.batches)
        return x0.to(self.device), cond.to(self.device)

    def _noised(self, x0: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        return self.schedule.add_noise(x0, noise, t), x0  # the network is to say x_0

    def _update(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.denoiser.parameters(), MAX_GRADIENT_NORM, foreach=False)
        self.optimizer.step()

    @torch.no_grad()
    def _average(self, weight: float) -> None:
        for average, now in zip(self.ema.parameters(), self.denoiser.parameters(), strict=True):
            average.copy_((1 - weight) * average + weight * now)

    def _log(self, loss: Tensor) -> None:
        self.losses.append(loss.item())  # the host waits here


class OnDevice(Textbook):
    """All data lies on the device from the start; a batch is an index into it."""

    def _load(self, data: Tensor, cond: Tensor) -> None:
        self.data, self.cond = data.to(self.device), cond.to(self.device)

    def _batch(self) -> tuple[Tensor, Tensor]:
        index = self._draw_index(len(self.data))
        return self.data[index], self.cond[index]


class NoWaiting(OnDevice):
    """The loss is summed on the device and read every 50 steps: in between nothing waits for a number."""

    def _prepare(self) -> None:
        super()._prepare()
        self.loss_sum = torch.zeros((), device=self.device)

    def _log(self, loss: Tensor) -> None:
        self.loss_sum += loss.detach()
        if self.steps % LOG_EVERY == 0:
            self.losses.append(self.loss_sum.item() / LOG_EVERY)
            self.loss_sum.zero_()


class OneGather(NoWaiting):
    """Chunk and condition lie side by side, one gather for both; √ᾱ and √(1−ᾱ) come from a table."""

    def _load(self, data: Tensor, cond: Tensor) -> None:
        self.shape, self.width = data.shape[1:], data[0].numel()
        self.rows = torch.cat([data.flatten(1), cond], dim=1).to(self.device)
        self.table = mixing_table(self.schedule, "sample").float().to(self.device)

    def _batch(self) -> tuple[Tensor, Tensor]:
        rows = self.rows.index_select(0, self._draw_index(len(self.rows)))
        return rows[:, : self.width].unflatten(1, self.shape), rows[:, self.width :]

    def _noised(self, x0: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        signal, sigma, *_ = self.table.index_select(0, t).view(len(t), 4, 1, 1).unbind(1)
        return torch.addcmul(signal * x0, sigma, noise), x0


class FusedOptimizer(OneGather):
    """AdamW does all its arithmetic for a weight in one pass over memory, not in a dozen."""

    def _optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.denoiser.parameters(), weight_decay=WEIGHT_DECAY, fused=True)


class FlatBuffers(FusedOptimizer):
    """All weights are views of one long tensor, so clipping and the average are one operation each."""

    def _prepare(self) -> None:
        parameters = list(self.denoiser.parameters())
        self.flat = torch.cat([p.detach().flatten() for p in parameters]).requires_grad_()
        self.flat.grad = self.gradient = torch.zeros_like(self.flat)
        sizes = [p.numel() for p in parameters]
        for p, a, b in zip(parameters, self.flat.detach().split(sizes), self.gradient.split(sizes), strict=True):
            p.data, p.grad = a.view_as(p), b.view_as(p)
        self.average = self.flat.detach().clone()
        self.loss_sum = torch.zeros((), device=self.device)
        self.optimizer = torch.optim.AdamW([self.flat], weight_decay=WEIGHT_DECAY, fused=True)

    def _update(self, loss: Tensor) -> None:
        self.gradient.zero_()
        loss.backward()
        self.gradient.div_((self.gradient.norm() / MAX_GRADIENT_NORM).clamp(min=1))
        self.optimizer.step()

    @torch.no_grad()
    def _average(self, weight: float) -> None:
        self.average.lerp_(self.flat, weight)

    def averaged(self) -> Tensor:
        """The moving average of all weights, (parameters,)."""
        return self.average


class ForwardAndBackward(NoWaiting):
    """The floor: one batch for ever, forward and backward, and nothing else."""

    def step(self) -> None:
        """Forward and backward."""
        if self.steps == 0:
            self.fixed = *self._batch(), torch.zeros(self.recipe["batch_size"], dtype=torch.long, device=self.device)
        x0, cond, t = self.fixed
        self.denoiser.zero_grad()
        mse_loss(self.denoiser(x0, t, cond), x0).backward()
        self.steps += 1


class Fit:
    """`fit` itself: the clip's division happens inside the fused step, the sum of losses stays where it is.

    Args:
        denoiser: predicts x_0; it is trained in place.
        schedule: the noise.
        data: (N, horizon, dim) clean data.
        cond: (N, cond_dim).
        recipe: with steps, batch_size, lr, warmup, ema_decay and seed, as in `fit`.
        device: where it runs.
    """

    autocast, captured = False, False

    def __init__(
        self,
        denoiser: nn.Module,
        schedule: NoiseSchedule,
        data: Tensor,
        cond: Tensor,
        recipe: dict,
        device: torch.device,
    ) -> None:
        self.loop = Loop(denoiser.to(device).train(), schedule, data, cond, recipe, device)
        self.loop.autocast = self.loop.autocast and self.autocast
        if self.captured:
            self.loop.capture()

    def step(self) -> None:
        """One step, and every 50 the loss is read."""
        self.loop.advance()
        if self.loop.step % LOG_EVERY == 0:
            self.loop.record()

    def averaged(self) -> Tensor:
        """The moving average of all weights, (parameters,)."""
        return self.loop.ema


class MixedPrecision(Fit):
    """The products of matrices in bfloat16, half the memory to move; weights, loss and average stay float32."""

    autocast = True


class CudaGraph(MixedPrecision):
    """The step is recorded once as a graph and replayed by a single call: the host does next to nothing."""

    captured = True
