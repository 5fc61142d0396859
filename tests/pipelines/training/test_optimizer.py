"""Muon and AdamW in one optimizer."""

import pytest
import torch

from diptych.pipelines.training.optimizer import MuonAdamW, orthogonalise


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
