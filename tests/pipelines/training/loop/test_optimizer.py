"""Muon and AdamW in one optimizer."""

import math
from typing import Any

import pytest
import torch

from diptych.pipelines.training.loop.optimizer import MuonAdamW, orthogonalise


@pytest.mark.parametrize("shape", [(8, 8), (4, 12), (12, 4)])
def test_an_orthogonalised_matrix_has_singular_values_near_one(shape: tuple[int, int]) -> None:
    g = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    values = torch.linalg.svdvals(orthogonalise(g))
    assert values.min() > 0.5 and values.max() < 1.4


def test_orthogonalising_keeps_the_directions() -> None:
    g = torch.randn(6, 10, generator=torch.Generator().manual_seed(2))
    u, _, v = torch.linalg.svd(g, full_matrices=False)
    aligned = u.T @ orthogonalise(g) @ v.T
    assert torch.allclose(aligned, torch.diag(aligned.diag()), atol=0.02)
    assert (aligned.diag() > 0.5).all()


def test_hidden_matrices_get_muon_and_the_rest_adamw() -> None:
    parts = {
        "embed_tokens": (9, 4),
        "layers.0.weight": (4, 4),
        "layers.0.bias": (4,),
        "lm_head.weight": (9, 4),
        "crossattention.self.query.weight": (4, 4),
        "crossattention.self.value.weight": (4, 4),
        "attention.self.key.weight": (4, 4),
    }
    named = [(name, torch.nn.Parameter(torch.ones(shape))) for name, shape in parts.items()]
    optimizer = MuonAdamW(named)
    rules = {id(p): group["rule"] for group in optimizer.param_groups for p in group["params"]}
    assert [rules[id(p)] for _, p in named] == ["adamw", "muon", "adamw", "adamw", "adamw", "muon", "adamw"]


def test_scaling_is_of_the_peak_and_not_of_what_was_there() -> None:
    optimizer = MuonAdamW([("weight", torch.nn.Parameter(torch.ones(3, 3)))], matrix_lr=0.1)
    for factor in (0.5, 0.5):
        optimizer.scale_lr(factor)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.05)


def test_it_finds_the_minimum_of_a_bowl() -> None:
    aim = torch.randn(5, 7, generator=torch.Generator().manual_seed(3))
    p, bias = torch.nn.Parameter(torch.zeros(5, 7)), torch.nn.Parameter(torch.zeros(5))
    optimizer = MuonAdamW([("hidden.weight", p), ("hidden.bias", bias)], lr=0.05, matrix_lr=0.1)
    for step in range(200):
        optimizer.scale_lr(1 - step / 200)
        loss = (p - aim).square().mean() + (bias - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float((p.detach() - aim).abs().max()) < 0.2
    assert float((bias.detach() - 1).abs().max()) < 0.05


def test_a_stack_is_orthogonalised_as_its_matrices_are() -> None:
    stack = torch.randn(3, 12, 4, generator=torch.Generator().manual_seed(4))
    together = orthogonalise(stack)
    assert together.shape == stack.shape
    for g, x in zip(stack, together, strict=True):
        assert torch.allclose(x, orthogonalise(g), atol=1e-5)


def test_in_bfloat16_it_is_the_same_roughly() -> None:
    g = torch.randn(24, 40, generator=torch.Generator().manual_seed(5))
    rough, fine = orthogonalise(g, half=True), orthogonalise(g)
    assert rough.dtype == torch.float32 and not torch.equal(rough, fine)
    assert float((rough - fine).abs().max()) < 0.05


SHAPES = {
    "layers.0.up.weight": (12, 5),
    "layers.1.up.weight": (12, 5),
    "layers.0.down.weight": (5, 12),
    "block.conv.weight": (6, 4, 3, 3),
    "block.small.weight": (6, 4, 1, 1),
    "block.other.weight": (6, 36),  # the convolution's, flattened
    "layers.0.idle.weight": (5, 12),  # never gets a gradient
    "layers.1.late.weight": (5, 12),  # nor this one at the first step
    "embed.weight": (9, 4),
    "layers.1.late.bias": (5,),
    "norm.weight": (5,),
}


def some_parameters() -> dict[str, torch.nn.Parameter]:
    g = torch.Generator().manual_seed(5)
    return {name: torch.nn.Parameter(torch.randn(shape, generator=g)) for name, shape in SHAPES.items()}


def gradients(step: int) -> dict[str, torch.Tensor | None]:
    g = torch.Generator().manual_seed(100 + step)
    grads = {name: torch.randn(shape, generator=g) for name, shape in SHAPES.items()}
    return {n: None if "idle" in n or ("late" in n and not step) else grad for n, grad in grads.items()}


def one_step(p: torch.Tensor, grad: torch.Tensor, state: dict[str, Any], *, muon: bool, factor: float) -> None:
    """The rules as their papers have them, for one parameter."""
    if muon:
        momentum = state["momentum"] = 0.95 * state.get("momentum", 0) + 0.05 * grad
        x = (0.05 * grad + 0.95 * momentum).reshape(len(p), -1)
        rows, columns = x.shape
        x = x / x.norm()
        for _ in range(5):
            gram = x @ x.T
            x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
        p *= 1 - factor * 0.01 * 0.01
        p -= factor * 0.01 * math.sqrt(max(1, rows / columns)) * x.reshape(p.shape)
    else:
        n = state["step"] = state.get("step", 0) + 1
        mean = state["mean"] = 0.9 * state.get("mean", 0) + 0.1 * grad
        square = state["square"] = 0.98 * state.get("square", 0) + 0.02 * grad**2
        p -= factor * 2e-3 * (mean / (1 - 0.9**n)) / ((square / (1 - 0.98**n)).sqrt() + 1e-8)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_all_at_once_is_as_one_after_the_other(layout: torch.memory_format) -> None:
    expected = {name: p.detach().clone() for name, p in some_parameters().items()}
    states: dict[str, dict[str, Any]] = {name: {} for name in expected}
    ps = some_parameters()
    for p in ps.values():
        if p.ndim == 4:
            p.data = p.data.to(memory_format=layout)
    optimizer = MuonAdamW(ps.items())
    for step in range(4):
        optimizer.scale_lr(1 / (step + 1))
        for name, grad in gradients(step).items():
            ps[name].grad = grad
            if grad is not None:
                muon = name.startswith(("layers", "block")) and grad.ndim > 1
                one_step(expected[name], grad, states[name], muon=muon, factor=1 / (step + 1))
        optimizer.step()
    for name, p in ps.items():
        torch.testing.assert_close(p.detach(), expected[name], atol=1e-5, rtol=1e-4, msg=name)
    assert optimizer.knows_its_state()
    assert ps["layers.0.idle.weight"] not in optimizer.state
    step = optimizer.state[ps["layers.1.late.bias"]]["step"]
    assert step.shape == () and step.device.type == "cpu" and int(step) == 3
