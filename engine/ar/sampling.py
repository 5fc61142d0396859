"""Drawing a token: temperature, top-k, top-p, and the inverse of the CDF at one uniform number.

Plain functions over tensors. Every row has its own settings and its own number, so its token does not depend on
its neighbours.
"""

import dataclasses
from collections.abc import Sequence

import torch

from ..kernels.library import Library, library


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampling:
    """How one row's tokens are drawn.

    Args:
        temperature: 0 takes the likeliest token.
        top_k: keep the k likeliest; 0 keeps all.
        top_p: keep the smallest set of tokens that has this probability (Holtzman et al. 2020).
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0


WITHOUT_DOUBLES = ("mps", "xpu", "npu", "hpu")
"""Devices that have no float64, all or some of them, which sums over a large vocabulary want."""


def drawing_place(device: torch.device | str) -> torch.device:
    """Where tokens are drawn for logits on a device: there, or on the CPU where it has no float64, so that the
    same are drawn everywhere."""
    there = torch.device(device)
    return torch.device("cpu") if there.type in WITHOUT_DOUBLES else there


class Sampler:
    """Draws tokens for a batch whose rows each have their settings. Holds settings only.

    Args:
        rows: one `Sampling` a row.
        device: where the logits will be.
    """

    def __init__(self, rows: Sequence[Sampling], device: torch.device | str) -> None:
        device = self.place = drawing_place(device)
        self._temperature = torch.tensor([row.temperature for row in rows], dtype=torch.float64, device=device)[
            :, None
        ]
        self._top_k = torch.tensor([row.top_k for row in rows], device=device)[:, None]
        self._top_p = torch.tensor([row.top_p for row in rows], dtype=torch.float64, device=device)[:, None]
        self._filters = any(row.top_k > 0 or row.top_p < 1 for row in rows)
        self._most = max(row.top_k for row in rows) if all(row.top_k > 0 for row in rows) else None
        self._greedy = self._temperature[:, 0] <= 0

    def draw(self, logits: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """One token for each row.

        Args:
            logits: (b, v); -inf for a token that must not be drawn.
            uniform: float64 (b,) in [0, 1), at the sampler's `place`.

        Returns:
            int64 (b,), on the device of the logits; -1 for a row whose logits are no numbers, so that nothing
            need be waited for to know.
        """
        if logits.device.type in WITHOUT_DOUBLES:
            return self.draw(logits.to(self.place), uniform).to(logits.device)
        if logits.device.type == "cpu" and logits.dtype == torch.float32 and (code := library()) is not None:
            return self._drawn_natively(logits, uniform, code)
        scaled = logits.double() / self._temperature.clamp_min(1e-6)
        p = scaled.softmax(-1)  # (b, v)
        if self._filters:
            p = self._filtered(logits, p)
        cumulative = p.cumsum(-1)
        whole = cumulative[:, -1:]  # NaN where any logit is NaN or infinite
        target = uniform[:, None] * whole
        drawn = torch.searchsorted(cumulative, target, right=True)[:, 0]
        last = (
            p.shape[-1] - 1 - (p.flip(-1) > 0).int().argmax(-1)
        )  # rounding must not lead past the last legal one
        token = torch.where(self._greedy, logits.argmax(-1), torch.minimum(drawn, last))
        return torch.where(whole[:, 0].isnan(), -1, token)

    def _drawn_natively(self, logits: torch.Tensor, uniform: torch.Tensor, code: Library) -> torch.Tensor:
        """The same by machine code."""
        rows, count = logits.shape
        logits, uniform = logits.contiguous(), uniform.contiguous()
        scratch = torch.empty(4 * count, dtype=torch.float64)
        drawn = torch.empty(rows, dtype=torch.long)
        code.draw(
            logits.data_ptr(),
            rows,
            count,
            temperature=self._temperature.data_ptr(),
            top_k=self._top_k.data_ptr(),
            top_p=self._top_p.data_ptr(),
            uniform=uniform.data_ptr(),
            scratch=scratch.data_ptr(),
            to=drawn.data_ptr(),
        )
        return drawn

    def _filtered(self, logits: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        """p (b, v) with 0 for what `top_k` and `top_p` leave out."""
        order = ranking(logits, p.shape[-1] if self._most is None else self._most)
        ranked = p.gather(-1, order)
        rank = torch.arange(order.shape[-1], device=p.device)[None]
        before = ranked.cumsum(-1) - ranked
        likely = (self._top_p >= 1) | (before < self._top_p)  # `before` may round to 1 in the tail
        keep = ((self._top_k <= 0) | (rank < self._top_k)) & likely
        keep[:, 0] = True
        return torch.zeros_like(p).scatter(-1, order, ranked * keep)


def ranking(logits: torch.Tensor, count: int) -> torch.Tensor:
    """int64 (b, count): the ids of the `count` largest logits (b, v), the largest first, the first of equals
    first.

    A few of many are found without sorting all of them, which would take ten times as long. `topk` promises no
    order among equals, so it gets integers that sort like the floating-point numbers (IEEE 754), with the ids
    in their low bits.
    """
    size = logits.shape[-1]
    if 2 * count > size:
        return logits.sort(dim=-1, descending=True, stable=True).indices[:, :count]
    bits = (logits.float() + 0.0).view(torch.int32).long()  # + 0.0: there is a zero below 0
    ordered = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    places = torch.arange(size - 1, -1, -1, device=logits.device)
    return (ordered * 2**32 + places).topk(count).indices
