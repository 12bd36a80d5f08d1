"""One training step, and all that it changes.

The data, the draws, the loss and the optimiser stay on the device; the host only says "next". All parameters live in
one flat buffer while training lasts, so clipping, the optimiser and the moving average are one operation each.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dilviz.diffusion.recipe import learning_rate, sample_timesteps
from dilviz.diffusion.schedule import NoiseSchedule, check_prediction_type

MAX_GRADIENT_NORM = 1.0
WEIGHT_DECAY = 1e-6


@dataclass(frozen=True)
class Record:
    """What a training loop reports. While you hold it, the denoiser carries the averaged weights: sample from it.

    Args:
        step: steps done.
        loss: mean over the steps since the last record: the squared error, or the denoiser's own.
        learning_rate: of the last step.
    """

    step: int
    loss: float
    learning_rate: float


class Loop:
    """One training: its buffers, its generator, and one step.

    Args:
        denoiser: on the device; its parameters become views into one buffer until `finish`.
        schedule: the noise.
        data: (N, horizon, dim) clean data.
        cond: (N, cond_dim) or None.
        recipe: as `training_recipe` gives it.
        device: where everything lives.
    """

    def __init__(
        self,
        denoiser: nn.Module,
        schedule: NoiseSchedule,
        data: Tensor,
        cond: Tensor | None,
        recipe: dict,
        device: torch.device,
    ) -> None:
        self.denoiser, self.recipe, self.step = denoiser, recipe, 0
        self.loss = getattr(denoiser, "loss", nn.functional.mse_loss)
        self.shape, self.num_data, self.has_cond = data.shape[1:], data[0].numel(), cond is not None
        parts = [data.flatten(1)] if cond is None else [data.flatten(1), cond]
        # (N, horizon · dim + cond_dim): one gather a step.
        self.rows = torch.cat([part.detach().to(device, torch.float32) for part in parts], dim=1)
        self.table = mixing_table(schedule, recipe["prediction_type"]).to(torch.float32).to(device)
        self.generator = torch.Generator(device if device.type in ("cpu", "cuda", "mps") else "cpu")
        self.generator.manual_seed(recipe["seed"])
        on_gpu = device.type == "cuda"
        # Older cards only imitate bfloat16, slowly.
        self.autocast = on_gpu and torch.cuda.is_bf16_supported(including_emulation=False)
        # A captured step reads its numbers from the device; elsewhere plain ones are quicker.
        self.rate: Tensor | float = torch.zeros((), device=device) if on_gpu else 0.0
        self.ema_weight: Tensor | float = torch.zeros((), device=device) if on_gpu else 0.0
        self.loss_sum = torch.zeros((), device=device)
        self.logged_at = 0
        self.flat, self.gradient = _flatten(denoiser)
        self.ema = self.flat.detach().clone()
        self.optimizer = torch.optim.AdamW(
            [self.flat], lr=self.rate, weight_decay=WEIGHT_DECAY, capturable=on_gpu,
            fused=device.type in ("cpu", "cuda", "mps"),
        )  # fmt: skip
        counter = torch.zeros((), device=device if on_gpu or device.type == "mps" else "cpu")
        moments = {"exp_avg": torch.zeros_like(self.ema), "exp_avg_sq": torch.zeros_like(self.ema)}
        self.optimizer.state[self.flat] = {"step": counter, **moments}
        self.play: Callable[[], None] = self.one_step

    def capture(self) -> None:
        """On CUDA: from here on a step is one graph, which the host replays by a single call."""
        if self.rows.is_cuda:
            with torch.cuda.device(self.rows.device):
                self.play = _capture(self)

    def advance(self) -> None:
        """One step, and the numbers that the host sets for it."""
        rate = learning_rate(self.step, self.recipe)
        # The average forgets the random start first: its memory grows with the steps taken.
        ema_weight = 1 - min(self.recipe["ema_decay"], (1 + self.step) / (10 + self.step))
        if isinstance(self.rate, Tensor) and isinstance(self.ema_weight, Tensor):
            self.rate.fill_(rate)
            self.ema_weight.fill_(ema_weight)
        else:
            self.optimizer.param_groups[0]["lr"], self.ema_weight = rate, ema_weight
        self.play()
        self.step += 1

    def one_step(self) -> None:
        """Draw a batch, noise it, regress, clip, step, average. No line waits for the device."""
        rows, noise, t = self.draw()
        x0 = rows[:, : self.num_data].unflatten(1, self.shape)  # (B, horizon, dim)
        cond = rows[:, self.num_data :] if self.has_cond else None
        signal, sigma, target_x0, target_noise = self.table.index_select(0, t).view(len(t), 4, 1, 1).unbind(1)
        xt = torch.addcmul(signal * x0, sigma, noise)
        target = torch.addcmul(target_x0 * x0, target_noise, noise)
        # No cache: a weight is cast once a step anyhow, and a cast must not outlive the graph that it is part of.
        with torch.autocast("cuda", torch.bfloat16, cache_enabled=False) if self.autocast else nullcontext():
            output = self.denoiser(xt, t, cond)
        loss = self.loss(output.float(), target)
        self.gradient.zero_()
        loss.backward()
        self._clip()
        self.optimizer.step()
        with torch.no_grad():
            self.ema.lerp_(self.flat, self.ema_weight)
            self.loss_sum.add_(loss.detach())

    def _clip(self) -> None:
        divisor = (self.gradient.norm() / MAX_GRADIENT_NORM).clamp(min=1)
        if self.gradient.device.type in ("cpu", "cuda"):
            # As a gradient scaler does it: the fused step divides while it reads, which saves a pass over memory.
            self.optimizer.grad_scale = divisor  # type: ignore[attr-defined]
        else:
            self.gradient.div_(divisor)

    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        """A batch: rows (B, …), noise (B, horizon, dim) and times (B,)."""
        size, T, device = self.recipe["batch_size"], len(self.table), self.rows.device
        index = self._random(torch.randint, len(self.rows), (size,))
        noise = self._random(torch.randn, (size, *self.shape))
        t = sample_timesteps(self.recipe["timestep_sampling"], T, size, self._random)
        return self.rows.index_select(0, index.to(device)), noise, t

    def _random(self, function: Callable, *args: object) -> Tensor:
        drawn = function(*args, generator=self.generator, device=self.generator.device)
        return drawn.to(self.rows.device)

    def record(self) -> Record:
        """The mean loss since the last record. This is the point at which the host waits."""
        loss = self.loss_sum.item() / (self.step - self.logged_at)
        self.loss_sum.zero_()
        self.logged_at = self.step
        return Record(self.step, loss, learning_rate(self.step - 1, self.recipe))

    def is_finite(self) -> bool:
        """Whether the losses since the last record and the weights are numbers. The host waits here, too."""
        return bool(self.loss_sum.isfinite() & self.flat.isfinite().all())

    def tensors(self) -> dict[str, Tensor]:
        """All that a step changes, as it lies on the device."""
        moments = self.optimizer.state[self.flat]
        buffers = {f"buffer.{name}": buffer for name, buffer in self.denoiser.named_buffers()}
        return {"weights": self.flat.detach(), "ema": self.ema, "loss_sum": self.loss_sum, **moments, **buffers}

    def state(self, records: list[Record]) -> dict[str, Tensor]:
        """All that is needed to go on as if nothing had happened.

        Args:
            records: those so far; they are kept with it.

        Returns:
            Tensors by name, on the CPU.
        """
        lines = [[r.step, r.loss, r.learning_rate] for r in records]
        return {
            **{name: tensor.to("cpu", copy=True) for name, tensor in self.tensors().items()},
            "generator": self.generator.get_state(),
            "progress": torch.tensor([self.step, self.logged_at]),
            "history": torch.tensor(lines, dtype=torch.float64).reshape(-1, 3),
        }

    def load(self, saved: dict[str, Tensor]) -> None:
        """Take up such a state, in place: a captured graph keeps reading the same memory.

        Args:
            saved: as `state` gives it.
        """
        for name, tensor in self.tensors().items():
            tensor.copy_(saved[name])
        self.generator.set_state(saved["generator"])
        self.step, self.logged_at = saved["progress"].tolist()

    def averaged_weights(self) -> _Swap:
        """A context within which the denoiser carries the averaged weights."""
        return _Swap(self)

    def finish(self, home: torch.device) -> None:
        """Leave the denoiser with the averaged weights, memory of its own, and where it came from.

        Where another training has taken the denoiser over in the meantime, it is left alone.

        Args:
            home: the device that it came from.
        """
        buffer = self.flat.untyped_storage().data_ptr()
        mine = [p for p in self.denoiser.parameters() if p.untyped_storage().data_ptr() == buffer]
        if not mine:
            return
        self.flat.data.copy_(self.ema)
        for parameter in mine:
            parameter.grad = None
            parameter.data = parameter.data.clone()
        self.denoiser.to(home).eval()


class _Swap:
    """The averaged weights in, and on leaving the trained ones back."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.trained = loop.flat.detach().clone()

    def __enter__(self) -> None:
        self.loop.flat.data.copy_(self.loop.ema)
        self.loop.denoiser.eval()

    def __exit__(self, *_: object) -> None:
        self.loop.flat.data.copy_(self.trained)
        self.loop.denoiser.train()


def _flatten(module: nn.Module) -> tuple[Tensor, Tensor]:
    """Two tensors that hold all trained parameters and their gradients; the module's own become views of them."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    flat = torch.cat([p.detach().reshape(-1) for p in parameters]).requires_grad_()
    flat.grad = gradient = torch.zeros_like(flat)
    sizes = [p.numel() for p in parameters]
    for p, values, slope in zip(parameters, flat.detach().split(sizes), gradient.split(sizes), strict=True):
        p.data, p.grad = values.view_as(p), slope.view_as(p)
    return flat, gradient


def _capture(loop: Loop) -> Callable[[], None]:
    """Record a step as a CUDA graph; what the recording itself has changed is put back."""
    before = {name: tensor.clone() for name, tensor in loop.tensors().items()}
    drawn = loop.generator.get_state()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # libraries set themselves up in the first steps, which must not be recorded
        for _ in range(3):
            loop.one_step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    if torch.__version__ < "2.14":  # newer ones find the generator by themselves, and warn
        graph.register_generator_state(loop.generator)
    with torch.cuda.graph(graph, stream=side):
        loop.one_step()
    for name, tensor in loop.tensors().items():
        tensor.copy_(before[name])
    loop.generator.set_state(drawn)
    return graph.replay


def mixing_table(schedule: NoiseSchedule, prediction_type: str) -> Tensor:
    """What a training step multiplies with, for every t: x_t = a x_0 + b noise, target = c x_0 + d noise.

    Args:
        schedule: the noise.
        prediction_type: what the network is to say.

    Returns:
        (T, 4) float64: a, b, c, d.

    Raises:
        InputError: an unknown prediction type.

    Source:
        Ho et al. 2020 (arXiv 2006.11239), eq. 4; Salimans and Ho 2022 (arXiv 2202.00512), appendix D, for v.
    """
    check_prediction_type(prediction_type)
    alpha_bar = schedule.alphas_cumprod
    signal, sigma = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
    one, zero = torch.ones_like(signal), torch.zeros_like(signal)
    target = {"epsilon": (zero, one), "sample": (one, zero), "v_prediction": (-sigma, signal)}[prediction_type]
    return torch.stack([signal, sigma, *target], dim=1)
