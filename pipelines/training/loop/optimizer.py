"""Muon for most matrices, AdamW for the rest: the optimizer of every trainer.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) orthogonalises the momentum of a weight
matrix by a few Newton-Schulz iterations. On our small models it reaches a loss in about half of AdamW's steps.
It is written out here because `torch.optim.Muon` computes in bfloat16, which a CPU without bfloat16 arithmetic
does a hundred times slower, and one matrix after the other, which leaves a GPU waiting for small kernels: this
one computes in the weights' own dtype on a CPU, unless it is told otherwise, in bfloat16 on a GPU, and all
matrices of one shape at once.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch

_KEPT = {"muon": {"momentum"}, "adamw": {"step", "mean", "square"}}  # by rule, of each parameter
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic iteration, from the Muon post

Tensors = list[torch.Tensor]
_torch: Any = torch  # whose operations on lists of tensors have no types


def orthogonalise(g: torch.Tensor, iterations: int = 5, *, half: bool = False) -> torch.Tensor:
    """The nearest (semi-)orthogonal matrix to `g` (r, c), roughly: singular values end up near [0.7, 1.2].

    Of a stack (n, r, c), that of each matrix. The result has the dtype of `g`; a GPU computes in bfloat16, a
    CPU where it is to, by `half`.
    """
    if g.ndim == 2:
        return orthogonalise(g[None], iterations, half=half)[0]
    a, b, c = _COEFFICIENTS
    tall = g.shape[1] > g.shape[2]
    x = g.mT if tall else g
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    if g.is_cuda or half:
        x = x.bfloat16()
    for _ in range(iterations):
        gram = torch.bmm(x, x.mT)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).to(g.dtype)


def _is_hidden_matrix(name: str, p: torch.Tensor) -> bool:
    """Muon is for the matrices between hidden layers; embeddings and heads have one-hot inputs or outputs.

    Nor is it for queries and keys of BERT's attention, which here looks at an image encoder's unnormalised
    features: it lets them grow until each head sees one place and no gradient tells it of others (so the Kimi
    Team 2025 saw it, "Kimi K2", section 2.1, who clip them).
    """
    outer = any(
        part in name
        for part in ("embed", "lm_head", "cls.", "conv_in", "conv_out", "classifier", "position", "lora")
    )
    looking = name.endswith(("query.weight", "key.weight"))  # as BERT calls them
    return p.ndim >= 2 and not outer and not looking and min(p.shape[0], p[0].numel()) > 1


def _rows_last(p: torch.Tensor) -> bool:
    """Whether a convolution's weight (o, i, h, w) lies in memory as (o, h, w, i)."""
    return p.ndim == 4 and not p.is_contiguous() and p.is_contiguous(memory_format=torch.channels_last)


def _matrix_of(g: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """`g` as a matrix (r, c), its columns in the order in which `p` has them in memory: any order will do."""
    return (g.permute(0, 2, 3, 1) if _rows_last(p) else g).reshape(g.shape[0], -1)


def _shaped_as(p: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """The inverse of `_matrix_of`, laid out as `p` is."""
    if not _rows_last(p):
        return matrix.reshape(p.shape)
    o, i, h, w = p.shape
    return matrix.reshape(o, h, w, i).permute(0, 3, 1, 2)


class MuonAdamW(torch.optim.Optimizer):
    """One optimizer, two rules, chosen for each parameter by its name and shape.

    Args:
        named_parameters: of the model.
        lr: AdamW's learning rate, for embeddings, heads, norms, biases, and queries and keys of BERT's.
        matrix_lr: Muon's, in units of the update's root mean square.
        momentum: Muon's, Nesterov.
        weight_decay: decoupled, on Muon's matrices only.
        half: compute Muon's updates in bfloat16 on a CPU, too: one that has instructions for it.
    """

    def __init__(
        self,
        named_parameters: Iterable[tuple[str, torch.nn.Parameter]],
        *,
        lr: float = 2e-3,
        matrix_lr: float = 0.01,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
        half: bool = False,
    ) -> None:
        self._half = half
        matrices, others = [], []
        for name, p in named_parameters:
            if p.requires_grad:
                (matrices if _is_hidden_matrix(name, p) else others).append(p)
        groups: list[dict[str, Any]] = [
            {"params": matrices, "rule": "muon", "lr": matrix_lr},
            {"params": others, "rule": "adamw", "lr": lr},
        ]
        groups = [g for g in groups if g["params"]]
        super().__init__(groups, {"momentum": momentum, "weight_decay": weight_decay})
        for group in self.param_groups:
            group["peak_lr"] = group["lr"]

    def scale_lr(self, factor: float) -> None:
        """Set every group's learning rate to `factor` times its peak."""
        for group in self.param_groups:
            group["lr"] = group["peak_lr"] * factor

    def knows_its_state(self) -> bool:
        """Whether what was put into `state` is what each parameter's rule keeps there."""
        return all(
            set(self.state[p]) == _KEPT[group["rule"]]
            for group in self.param_groups
            for p in group["params"]
            if p in self.state
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        assert closure is None, "this optimizer takes no closure"
        for group in self.param_groups:
            update = self._muon if group["rule"] == "muon" else self._adamw
            moving = [(p, p.grad) for p in group["params"] if p.grad is not None]
            if moving:
                update([p for p, _ in moving], [grad for _, grad in moving], group)

    def _muon(self, ps: Tensors, grads: Tensors, group: dict[str, Any]) -> None:
        for p in ps:
            if not self.state[p]:
                self.state[p]["momentum"] = torch.zeros_like(p)
        momenta = [self.state[p]["momentum"] for p in ps]
        _torch._foreach_lerp_(momenta, grads, 1 - group["momentum"])
        aims = _torch._foreach_lerp(grads, momenta, group["momentum"])  # Nesterov
        _torch._foreach_mul_(ps, 1 - group["lr"] * group["weight_decay"])
        alike: dict[torch.Size, list[tuple[torch.Tensor, torch.Tensor]]] = {}
        for p, aim in zip(ps, aims, strict=True):
            matrix = _matrix_of(aim, p)
            alike.setdefault(matrix.shape, []).append((p, matrix))
        for (rows, columns), pairs in alike.items():
            stack = orthogonalise(torch.stack([matrix for _, matrix in pairs]), half=self._half)  # (n, r, c)
            updates = [_shaped_as(p, matrix) for (p, _), matrix in zip(pairs, stack, strict=True)]
            scale = math.sqrt(max(1.0, rows / columns))
            _torch._foreach_add_([p for p, _ in pairs], updates, alpha=-group["lr"] * scale)

    def _adamw(self, ps: Tensors, grads: Tensors, group: dict[str, Any]) -> None:
        for p in ps:
            if not self.state[p]:
                self.state[p]["step"] = torch.zeros(
                    (), device="cpu"
                )  # read at each step: a GPU would be waited for
                self.state[p]["mean"] = torch.zeros_like(p)
                self.state[p]["square"] = torch.zeros_like(p)
        steps, means, squares = ([self.state[p][key] for p in ps] for key in ("step", "mean", "square"))
        _torch._foreach_add_(steps, 1)
        counts = [int(step) for step in steps]
        _torch._foreach_lerp_(means, grads, 0.1)
        _torch._foreach_mul_(squares, 0.98)
        _torch._foreach_addcmul_(squares, grads, grads, 0.02)
        denominators = _torch._foreach_div(squares, [1 - 0.98**n for n in counts])
        _torch._foreach_sqrt_(denominators)
        _torch._foreach_add_(denominators, 1e-8)
        _torch._foreach_addcdiv_(ps, means, denominators, [-group["lr"] / (1 - 0.9**n) for n in counts])
