"""Muon for most matrices, AdamW for the rest: the optimizer of every trainer.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) orthogonalises the momentum of a weight
matrix by a few Newton-Schulz iterations. On our small models it reaches a loss in about half of AdamW's steps.
It is written out here because `torch.optim.Muon` computes in bfloat16, which a CPU without bfloat16 arithmetic
does a hundred times slower; this one computes in the weights' own dtype.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch

_KEPT = {"muon": {"momentum"}, "adamw": {"step", "mean", "square"}}  # by rule, of each parameter
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic iteration, from the Muon post


def orthogonalise(g: torch.Tensor, iterations: int = 5) -> torch.Tensor:
    """The nearest (semi-)orthogonal matrix to `g` (r, c), roughly: singular values end up near [0.7, 1.2]."""
    a, b, c = _COEFFICIENTS
    tall = g.shape[0] > g.shape[1]
    x = g.T if tall else g
    x = x / (x.norm() + 1e-7)
    for _ in range(iterations):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


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


class MuonAdamW(torch.optim.Optimizer):
    """One optimizer, two rules, chosen for each parameter by its name and shape.

    Args:
        named_parameters: of the model.
        lr: AdamW's learning rate, for embeddings, heads, norms, biases, and queries and keys of BERT's.
        matrix_lr: Muon's, in units of the update's root mean square.
        momentum: Muon's, Nesterov.
        weight_decay: decoupled, on Muon's matrices only.
    """

    def __init__(
        self,
        named_parameters: Iterable[tuple[str, torch.nn.Parameter]],
        *,
        lr: float = 2e-3,
        matrix_lr: float = 0.01,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
    ) -> None:
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
            for p in group["params"]:
                if p.grad is not None:
                    update(p, p.grad, group)

    def _muon(self, p: torch.Tensor, grad: torch.Tensor, group: dict[str, Any]) -> None:
        state = self.state[p]
        if not state:
            state["momentum"] = torch.zeros_like(p)
        state["momentum"].lerp_(grad, 1 - group["momentum"])
        g = grad.lerp(state["momentum"], group["momentum"])  # Nesterov
        update = orthogonalise(g.reshape(g.shape[0], -1)).reshape(p.shape)
        rows, columns = p.shape[0], p[0].numel()
        scale = math.sqrt(max(1.0, rows / columns))
        p.mul_(1 - group["lr"] * group["weight_decay"])
        p.add_(update, alpha=-group["lr"] * scale)

    def _adamw(self, p: torch.Tensor, grad: torch.Tensor, group: dict[str, Any]) -> None:
        state = self.state[p]
        if not state:
            state["step"] = torch.zeros(())
            state["mean"] = torch.zeros_like(p)
            state["square"] = torch.zeros_like(p)
        state["step"] += 1
        n = int(state["step"])
        state["mean"].lerp_(grad, 0.1)
        state["square"].mul_(0.98).addcmul_(grad, grad, value=0.02)
        denominator = (state["square"] / (1 - 0.98**n)).sqrt_().add_(1e-8)
        p.addcdiv_(state["mean"], denominator, value=-group["lr"] / (1 - 0.9**n))
