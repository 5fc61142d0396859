"""Skipping predictions that would hardly differ from the one before.

The ratio of the change in a model's output to the change in its input is about the same from step to step (Zhou
et al. 2025, "Less is enough: training-free video diffusion acceleration via runtime-adaptive caching"; in the
spirit of Liu et al. 2024, "Timestep embedding tells: it's time to cache"). So the next change can be estimated
before it is computed, for each row by itself. This file knows nothing of the model except its last input and
output.
"""

from collections.abc import Callable

import torch

from .denoising import Predict

PredictRows = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Like `Predict`, for some rows of the batch: (noisy latents (n, c, h, w), sigmas (n,), row numbers int64
(n,))."""


class StepCache:
    """The state of one batch's run: each row's last estimate of its clean latents, and how old it is.

    Args:
        threshold: the largest relative change of a row's estimate for which the old estimate is used again. At
            0 every prediction is made, with the same bits as without a cache.
        batch_invariant: if one row needs a new prediction, predict for all rows of the batch, so that tensor
            shapes do not depend on the other rows.
    """

    def __init__(self, threshold: float, *, batch_invariant: bool = False) -> None:
        self.predicted = self.reused = 0  # predictions of one row
        self._threshold, self._batch_invariant = threshold, batch_invariant
        self._shown: torch.Tensor | None = None  # (b, c, h, w), when the row's estimate was made
        self._clean: torch.Tensor | None = None  # (b, c, h, w)
        self._rate: torch.Tensor | None = None  # (b,), of change of the estimate to that of what is shown

    def over(self, predict: PredictRows) -> Predict:
        """`predict`, called only where the estimate would change by more than the threshold."""
        return lambda noisy, sigma: self._predict(predict, noisy, sigma)

    def _predict(self, predict: PredictRows, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        every = torch.arange(len(noisy), device=noisy.device)
        self.predicted += len(noisy)
        if self._threshold <= 0:
            return predict(noisy, sigma, every)
        if self._clean is None or self._shown is None:
            self._shown, self._clean = noisy, predict(noisy, sigma, every)
            return self._clean
        stale = self._stale(noisy)
        self.reused += len(noisy) - len(stale)
        if len(stale):
            rows = every if self._batch_invariant else stale
            fresh = predict(noisy[rows], sigma[rows], rows)
            self._learn(stale, noisy[stale], fresh[stale] if self._batch_invariant else fresh)
        return self._clean

    def _stale(self, noisy: torch.Tensor) -> torch.Tensor:
        """The rows that need a new estimate, int64 (n,). This is the only place where the host waits for the
        device."""
        assert self._clean is not None and self._shown is not None
        if self._rate is None:
            return torch.arange(len(noisy), device=noisy.device)
        change = self._rate * _size(noisy - self._shown) / _size(self._clean)
        return (~(change < self._threshold)).nonzero()[:, 0]

    def _learn(self, rows: torch.Tensor, noisy: torch.Tensor, clean: torch.Tensor) -> None:
        assert self._clean is not None and self._shown is not None
        if self._rate is None:
            self._rate = torch.full((len(self._clean),), torch.inf, device=clean.device)
        self._rate[rows] = _size(clean - self._clean[rows]) / _size(noisy - self._shown[rows])
        self._clean, self._shown = self._clean.clone(), self._shown.clone()  # the caller holds the ones before
        self._clean[rows], self._shown[rows] = clean, noisy


def _size(x: torch.Tensor) -> torch.Tensor:
    """The mean magnitude of each row (b, c, h, w): float32 (b,)."""
    return x.float().abs().flatten(1).mean(1)
