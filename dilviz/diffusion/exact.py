"""The best denoiser there is, where the data is known: Bayes' rule in closed form."""

from __future__ import annotations

import torch
from torch import Tensor

from dilviz.diffusion.schedule import NoiseSchedule, check_noisy, check_prediction_type
from dilviz.errors import InputError


class ExactDenoiser:
    """The best denoiser there is, in closed form: E[x_0 | x_t] when the data is a known set or Gaussian mixture.

    Each component is N(mean, std² I). Given x_t its posterior mean is a shrunken step toward x_t, and the components
    are weighed by how well they explain x_t, in log space. With std 0 the mixture is a finite set of points.

    Args:
        schedule: the noise.
        means: (K, horizon, dim) the points, or the components' means.
        weights: (K,) positive; equal where None.
        std: a number or (K,), at least 0.
        prediction_type: in which form the answer is given: "epsilon", "sample" or "v_prediction".

    Raises:
        InputError: shapes that do not fit, means, weights or std that are not finite, weights that are not positive,
            a negative std, an unknown prediction type.

    Source:
        Bayes' rule for a Gaussian likelihood; Karras et al. 2022 (arXiv 2206.00364), appendix B.3, for a finite set.
    """

    def __init__(
        self,
        schedule: NoiseSchedule,
        means: Tensor,
        weights: Tensor | None = None,
        std: Tensor | float = 0.0,
        prediction_type: str = "sample",
    ) -> None:
        check_prediction_type(prediction_type)
        if means.ndim != 3 or 0 in means.shape:
            raise InputError(f"means have shape {tuple(means.shape)}; give (K, horizon, dim), none of them 0.")
        if not means.isfinite().all():
            raise InputError("means have a value that is not finite; give numbers.")
        exact = torch.float32 if means.device.type == "mps" else torch.float64
        weights = torch.as_tensor([1.0] * len(means) if weights is None else weights, dtype=exact, device=means.device)
        std = torch.as_tensor(std, dtype=exact, device=means.device)
        if weights.shape != (len(means),) or not ((weights > 0) & weights.isfinite()).all():
            raise InputError(f"weights must be {len(means)} positive numbers, one a component, each finite.")
        if std.shape not in ((), (len(means),)) or not ((std >= 0) & std.isfinite()).all():
            raise InputError(f"std must be one number or {len(means)}, none below 0, each finite.")
        self.schedule, self.prediction_type, self.shape = schedule.to(means.device), prediction_type, means.shape[1:]
        self.means = means.detach().flatten(1).to(exact)  # (K, D)
        self.log_weights = weights.log().log_softmax(0)
        self.variances = (std**2).expand(len(means))  # (K,)

    def __call__(self, xt: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """The exact answer.

        Args:
            xt: (B, horizon, dim) noisy data.
            t: (B,) or a single time, fractions allowed, at least 0.
            cond: (B, cond_dim), there for the common call and not looked at.

        Returns:
            (B, horizon, dim), as `prediction_type` says.

        Raises:
            InputError: xt of another shape, or a time out of range or clean.
        """
        if xt.shape[1:] != self.shape:
            raise InputError(
                f"xt has shape {tuple(xt.shape)}; this denoiser takes (B, {', '.join(map(str, self.shape))})."
            )
        x = xt.flatten(1).to(self.means.dtype)  # (B, D)
        alpha_bar = self.schedule.alpha_bar(t).to(x.dtype).reshape(-1, 1)  # (B, 1)
        check_noisy(alpha_bar)
        answer = self._posterior_mean(x, alpha_bar)
        if self.prediction_type != "sample":
            noise = self.schedule.to_epsilon(answer, x, t, "sample")
            answer = noise if self.prediction_type == "epsilon" else self.schedule.velocity(answer, noise, t)
        return answer.unflatten(1, self.shape).to(xt.dtype)

    def _posterior_mean(self, x: Tensor, alpha_bar: Tensor) -> Tensor:
        spread = alpha_bar * self.variances + 1 - alpha_bar  # (B, K) variance of x_t in each component
        squared = x.square().sum(1, keepdim=True) + alpha_bar * self.means.square().sum(1)
        distance = squared - 2 * alpha_bar.sqrt() * (x @ self.means.T)  # (B, K) |x_t - sqrt(alpha_bar) mean|²
        log_likelihood = -0.5 * (distance / spread + x.shape[1] * spread.log())
        share = (self.log_weights + log_likelihood).softmax(1)  # (B, K) p(component | x_t)
        gain = share * alpha_bar.sqrt() * self.variances / spread
        kept = share - gain * alpha_bar.sqrt()
        return kept @ self.means + gain.sum(1, keepdim=True) * x  # (B, D)
