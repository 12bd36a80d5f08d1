"""The noise schedule: one tensor, alpha_bar at every timestep. All else about noise is a function of it.

Times: t = 0 … T-1, t = 0 is already slightly noisy, and t = -1 stands for clean (alpha_bar = 1).
The papers' t = 1 … T is t - 1 here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from dilviz.errors import InputError

PREDICTION_TYPES = ("epsilon", "sample", "v_prediction")
Time = Tensor | float | int  # a time, or one a row; lists and arrays do as well


def _linear(T: int, start: float, end: float) -> Tensor:
    return torch.linspace(start, end, T, dtype=torch.float64)


def _scaled_linear(T: int, start: float, end: float) -> Tensor:
    return torch.linspace(start**0.5, end**0.5, T, dtype=torch.float64) ** 2


def _sigmoid(T: int, start: float, end: float) -> Tensor:
    return torch.sigmoid(torch.linspace(-6, 6, T, dtype=torch.float64)) * (end - start) + start


def _squaredcos_cap_v2(T: int, start: float, end: float) -> Tensor:
    # alpha_bar(u) = cos²((u + 0.008) / 1.008 · pi/2); the cap keeps the last beta below one.
    u = torch.arange(T + 1, dtype=torch.float64) / T
    alpha_bar = torch.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2
    return (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=0.999)


BETA_SCHEDULES: dict[str, Callable[[int, float, float], Tensor]] = {
    "linear": _linear,
    "scaled_linear": _scaled_linear,
    "squaredcos_cap_v2": _squaredcos_cap_v2,
    "sigmoid": _sigmoid,
}


class NoiseSchedule:
    """How much of the signal is left at each timestep: q(x_t | x_0) = N(sqrt(alpha_bar_t) x_0, (1 - alpha_bar_t) I).

    Built on the CPU in float64 and rounded once, to the dtype of the data. It never changes; `to` gives a copy.

    Args:
        num_train_timesteps: T, the number of timesteps, at least 1.
        beta_schedule: "linear", "scaled_linear", "squaredcos_cap_v2" or "sigmoid".
        beta_start: first beta, in (0, 1); "squaredcos_cap_v2" has betas of its own and ignores it.
        beta_end: last beta, in [beta_start, 1); likewise.

    Raises:
        InputError: a name that is not known, a number out of range, or so many steps that no signal is left.

    Source:
        Ho et al. 2020 (arXiv 2006.11239), eq. 4; Nichol and Dhariwal 2021 (arXiv 2102.09672), eq. 17, for the cosine.
    """

    _padded: Tensor

    def __init__(
        self,
        num_train_timesteps: int,
        beta_schedule: str = "squaredcos_cap_v2",
        beta_start: float = 1e-4,
        beta_end: float = 0.02,
    ) -> None:
        if beta_schedule not in BETA_SCHEDULES:
            raise InputError(f"beta_schedule {beta_schedule!r} is unknown; take one of {', '.join(BETA_SCHEDULES)}.")
        if num_train_timesteps % 1 != 0 or num_train_timesteps < 1:
            raise InputError(f"num_train_timesteps is {num_train_timesteps!r}; give a whole number of at least 1.")
        if not 0 < beta_start <= beta_end < 1:
            raise InputError(f"beta_start {beta_start} and beta_end {beta_end} must satisfy 0 < start <= end < 1.")
        betas = BETA_SCHEDULES[beta_schedule](int(num_train_timesteps), beta_start, beta_end)
        self._store((1 - betas).cumprod(0))

    @classmethod
    def from_alphas_cumprod(cls, alphas_cumprod: Tensor | np.ndarray | Sequence[float]) -> NoiseSchedule:
        """A schedule from its alpha_bar.

        Args:
            alphas_cumprod: (T,) tensor, array or list, strictly falling, each in (0, 1).

        Returns:
            The schedule.

        Raises:
            InputError: the tensor is not of that shape, not finite, not falling, or leaves (0, 1).
        """
        table = float64_on_cpu(alphas_cumprod)
        if table.ndim != 1 or len(table) == 0:
            raise InputError(f"alphas_cumprod has shape {tuple(table.shape)}; give one value a timestep, (T,).")
        schedule = cls.__new__(cls)
        schedule._store(table)
        return schedule

    def _store(self, alphas_cumprod: Tensor) -> None:
        # One row more than T: index t + 1, so that t = -1 (clean) finds 1 and can never wrap round to the noisiest.
        padded = torch.cat([alphas_cumprod.new_ones(1), alphas_cumprod])
        wrong = ~((padded[1:] < padded[:-1]) & (padded[1:] > 0))  # not a number is wrong, too
        if wrong.any():
            t = int(wrong.nonzero()[0])
            raise InputError(
                f"alpha_bar is {padded[t + 1]:g} at t = {t} and {padded[t]:g} before it; it must fall at every step "
                "and stay above 0: take fewer timesteps or other betas."
            )
        object.__setattr__(self, "_padded", padded)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a NoiseSchedule never changes, so {name!r} cannot be set; build a new one.")

    def __repr__(self) -> str:
        return f"NoiseSchedule(T={len(self)}, alpha_bar {self._padded[1]:.4g} … {self._padded[-1]:.3g})"

    def __len__(self) -> int:
        return len(self._padded) - 1

    def to(self, device: torch.device | str) -> NoiseSchedule:
        """The same schedule on a device; float64, but float32 on MPS, which has no float64.

        Args:
            device: where to.

        Returns:
            A schedule whose tensors live there.
        """
        moved = object.__new__(NoiseSchedule)
        dtype = torch.float32 if torch.device(device).type == "mps" else torch.float64
        object.__setattr__(moved, "_padded", self._padded.to(dtype).to(device))
        return moved

    @property
    def num_train_timesteps(self) -> int:
        """T."""
        return len(self)

    @property
    def alphas_cumprod(self) -> Tensor:
        """alpha_bar at t = 0 … T-1: (T,), falling, in (0, 1). A copy."""
        return self._padded[1:].clone()

    @property
    def betas(self) -> Tensor:
        """The share of variance that each step replaces by noise, 1 - alpha_bar_t / alpha_bar_{t-1}: (T,)."""
        return 1 - self._padded[1:] / self._padded[:-1]

    @property
    def snr(self) -> Tensor:
        """Signal-to-noise ratio alpha_bar / (1 - alpha_bar) at t = 0 … T-1: (T,)."""
        return self._padded[1:] / (1 - self._padded[1:])

    def alpha_bar(self, t: Time) -> Tensor:
        """How much of the signal's variance is left at t; between whole times log-SNR is linear.

        Args:
            t: times of any shape, each -1 (clean) or in [0, T-1], fractions allowed.

        Returns:
            alpha_bar, of t's shape, in (0, 1].

        Raises:
            InputError: a time outside that range. (Looked at on the CPU only: elsewhere the look would wait for
                the device.)
        """
        t = self._time(t)
        self._check_times(t)
        if not t.is_floating_point():
            return self._at_whole(t)
        low = t.floor().clamp(-1, len(self) - 1)
        high = t.ceil().clamp(-1, len(self) - 1)
        at_low, at_high = self._at_whole(low.long()), self._at_whole(high.long())
        between = torch.sigmoid(torch.lerp(torch.logit(at_low), torch.logit(at_high), t - low))
        return torch.where(low == high, at_low, between)

    def _time(self, t: Time) -> Tensor:
        """Give t as a tensor beside the table: whole times as int64, others in the table's precision."""
        t = t if isinstance(t, Tensor) else torch.from_numpy(np.asarray(t))
        return t.to(self._padded.device, self._padded.dtype if t.is_floating_point() else torch.int64)

    def _at_whole(self, t: Tensor) -> Tensor:
        # As a list of indices: a single one would give a view into the table, and wait for the device.
        return self._padded[(t + 1).reshape(-1)].reshape(t.shape)

    def _check_times(self, t: Tensor) -> None:
        if t.device.type != "cpu" or t.numel() == 0:
            return
        bad = ~((t == -1) | ((t >= 0) & (t <= len(self) - 1)))
        if bad.any():
            raise InputError(
                f"t = {t[bad].reshape(-1)[0].item()} is no time of this schedule; "
                f"give -1 (clean) or 0 to {len(self) - 1}."
            )

    def log_snr(self, t: Time) -> Tensor:
        """ln(alpha_bar / (1 - alpha_bar)) at t, of t's shape; +inf at t = -1.

        Args:
            t: times of any shape, as in `alpha_bar`.

        Returns:
            log-SNR, of t's shape.

        Raises:
            InputError: a time out of range.
        """
        return torch.logit(self.alpha_bar(t))

    def timestep_at(self, log_snr: Tensor) -> Tensor:
        """The (fractional) time at which log-SNR has a value: the inverse of `log_snr`.

        Args:
            log_snr: any shape, each between log-SNR at T-1 and at 0.

        Returns:
            Times in [0, T-1], of the same shape; outside the range the nearest end.
        """
        wanted = torch.as_tensor(log_snr, dtype=self._padded.dtype, device=self._padded.device)
        falling = torch.logit(self._padded[1:])
        if len(self) == 1:
            return torch.zeros_like(wanted)
        low = torch.searchsorted(-falling, -wanted.contiguous()).sub(1).clamp(0, len(self) - 2)
        fraction = (falling[low] - wanted) / (falling[low] - falling[low + 1])
        return low + fraction.clamp(0, 1)

    def add_noise(self, x0: Tensor, noise: Tensor, t: Time) -> Tensor:
        """Jump to time t at once: sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise.

        Args:
            x0: (B, …) clean data.
            noise: like x0, drawn from N(0, I).
            t: (B,) or a single time.

        Returns:
            x_t, like x0.

        Raises:
            InputError: a time out of range.

        Source:
            Ho et al. 2020, eq. 4.
        """
        alpha_bar = self._at(t, x0)
        return _mix(alpha_bar.sqrt(), x0, (1 - alpha_bar).sqrt(), noise)

    def add_noise_step(self, x_previous: Tensor, noise: Tensor, t: Time) -> Tensor:
        """One step of the chain, from t-1 to t: sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) noise.

        Args:
            x_previous: (B, …) data at time t-1 (clean for t = 0).
            noise: like x_previous, drawn from N(0, I).
            t: (B,) or a single whole time, 0 to T-1.

        Returns:
            x_t, like x_previous.

        Raises:
            InputError: a time out of range.

        Source:
            Ho et al. 2020, eq. 2.
        """
        t = self._time(t)
        alpha = self._at(t, x_previous) / self._at(t - 1, x_previous)
        return _mix(alpha.sqrt(), x_previous, (1 - alpha).sqrt(), noise)

    def posterior(self, xt: Tensor, x0: Tensor, t: Time, s: Time) -> tuple[Tensor, Tensor]:
        """q(x_s | x_t, x_0), the way back from t to any earlier s when the clean point is known.

        Args:
            xt: (B, …) data at time t.
            x0: like xt, clean.
            t: (B,) or a single time.
            s: (B,) or a single time, s < t; -1 is clean.

        Returns:
            mean, like xt; variance, one number a row: (B, 1, …), or a single one for single times.

        Raises:
            InputError: a time out of range, or s not before t.

        Source:
            Ho et al. 2020, eqs. 6 and 7 (there s = t - 1).
        """
        at_t, at_s = self._at(t, xt), self._at(s, xt)
        if at_t.device.type == "cpu" and not (at_s > at_t).all():
            raise InputError(f"the posterior goes back in time, but s = {s} is not before t = {t}.")
        share_x0, share_xt, variance = posterior_coefficients(at_t, at_s)
        return _mix(share_x0, x0, share_xt, xt), variance.to(xt.dtype)

    def velocity(self, x0: Tensor, noise: Tensor, t: Time) -> Tensor:
        """v_t = sqrt(alpha_bar_t) noise - sqrt(1 - alpha_bar_t) x_0.

        Args:
            x0: (B, …) clean data.
            noise: like x0.
            t: (B,) or a single time.

        Returns:
            v, like x0.

        Raises:
            InputError: a time out of range.

        Source:
            Salimans and Ho 2022 (arXiv 2202.00512), appendix D.
        """
        alpha_bar = self._at(t, x0)
        return _mix(alpha_bar.sqrt(), noise, -(1 - alpha_bar).sqrt(), x0)

    def to_x0(self, output: Tensor, xt: Tensor, t: Time, prediction_type: str) -> Tensor:
        """What a network's output says about the clean data.

        Args:
            output: (B, …) the network's output.
            xt: like output, what it was given.
            t: (B,) or a single time.
            prediction_type: "epsilon", "sample" or "v_prediction".

        Returns:
            The estimate of x_0, like xt. From epsilon its error is sqrt(1/alpha_bar - 1) times epsilon's.

        Raises:
            InputError: an unknown prediction type, or a time out of range.
        """
        check_prediction_type(prediction_type)
        alpha_bar = self._at(t, xt)
        if prediction_type == "sample":
            return output
        if prediction_type == "epsilon":
            return _mix(alpha_bar.rsqrt(), xt, -(1 / alpha_bar - 1).sqrt(), output)
        return _mix(alpha_bar.sqrt(), xt, -(1 - alpha_bar).sqrt(), output)

    def to_epsilon(self, output: Tensor, xt: Tensor, t: Time, prediction_type: str) -> Tensor:
        """What a network's output says about the noise.

        Args:
            output: (B, …) the network's output.
            xt: like output, what it was given.
            t: (B,) or a single time, at least 0: clean data holds no noise to tell.
            prediction_type: "epsilon", "sample" or "v_prediction".

        Returns:
            The estimate of the noise, like xt. From x_0 its error is sqrt(alpha_bar / (1 - alpha_bar)) times x_0's.

        Raises:
            InputError: an unknown prediction type, or a time out of range or clean.
        """
        check_prediction_type(prediction_type)
        alpha_bar = self._at(t, xt)
        check_noisy(alpha_bar)
        if prediction_type == "epsilon":
            return output
        if prediction_type == "sample":
            return _mix((1 - alpha_bar).rsqrt(), xt, -(alpha_bar / (1 - alpha_bar)).sqrt(), output)
        return _mix(alpha_bar.sqrt(), output, (1 - alpha_bar).sqrt(), xt)

    def _at(self, t: Time, like: Tensor) -> Tensor:
        """alpha_bar in float64, shaped to multiply `like`: (B, 1, …) or a single number."""
        alpha_bar = self.alpha_bar(t).to(like.device)
        return alpha_bar.reshape(alpha_bar.shape + (1,) * (like.ndim - alpha_bar.ndim)) if alpha_bar.ndim else alpha_bar


def posterior_coefficients(alpha_bar_t: Tensor, alpha_bar_s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The posterior q(x_s | x_t, x_0) = N(u x_0 + w x_t, variance I) as numbers.

    Args:
        alpha_bar_t: any shape, at the later time.
        alpha_bar_s: of the same shape, at the earlier time; 1 is clean, and then x_s is x_0 exactly.

    Returns:
        u, w and the variance, each of that shape.

    Source:
        Ho et al. 2020, eqs. 6 and 7, for any s < t: Bayes' rule for q(x_t | x_s) q(x_s | x_0).
    """
    a = alpha_bar_t / alpha_bar_s
    share_x0 = alpha_bar_s.sqrt() * (1 - a) / (1 - alpha_bar_t)
    share_xt = a.sqrt() * (1 - alpha_bar_s) / (1 - alpha_bar_t)
    return share_x0, share_xt, (1 - a) * (1 - alpha_bar_s) / (1 - alpha_bar_t)


def check_prediction_type(prediction_type: str) -> None:
    """Refuse a prediction type that is not known.

    Args:
        prediction_type: the name.

    Raises:
        InputError: it is not one of "epsilon", "sample", "v_prediction".
    """
    if prediction_type not in PREDICTION_TYPES:
        raise InputError(f"prediction_type {prediction_type!r} is unknown; take one of {', '.join(PREDICTION_TYPES)}.")


def check_noisy(alpha_bar: Tensor) -> None:
    """Refuse clean data where its noise is asked for.

    It looks on the CPU alone: elsewhere the look would wait for the device.

    Args:
        alpha_bar: any shape.

    Raises:
        InputError: it is 1 somewhere.
    """
    if alpha_bar.device.type == "cpu" and (alpha_bar == 1).any():
        raise InputError("At t = -1 the data is clean and holds no noise to tell; give t of at least 0.")


def _mix(a: Tensor, x: Tensor, b: Tensor, y: Tensor) -> Tensor:
    """Give a x + b y, the factors rounded once to the data's dtype (a float one: whole numbers are data as well)."""
    dtype = torch.result_type(x, y)
    dtype = dtype if dtype.is_floating_point else torch.get_default_dtype()
    return a.to(dtype) * x + b.to(dtype) * y


def float64_on_cpu(values: Tensor | np.ndarray | Sequence[float]) -> Tensor:
    """Numbers as a float64 tensor on the CPU, from wherever they are; nothing is rounded on the way.

    Args:
        values: numbers of any shape.

    Returns:
        A tensor of that shape.
    """
    values = values.detach().cpu() if isinstance(values, Tensor) else values
    return torch.as_tensor(values, dtype=torch.float64)
