"""The whole chain on a GPU. Skipped where there is none."""

import pytest
import torch

from diptych import Outcome, TextToImage

pytestmark = pytest.mark.cuda

PROMPTS = ["a red boat at sunset", "two blue fish under water", "a big green tree on the left, in the snow"]


def outcomes(pipe: TextToImage, prompts: list[str]) -> list[Outcome]:
    return list(pipe(prompts, seed=5).outcomes)


def difference(one: Outcome, other: Outcome) -> int:
    return int((one.picture.pixels.cpu().int() - other.picture.pixels.cpu().int()).abs().max())


def test_a_row_is_the_same_alone_and_in_a_batch() -> None:
    pipe = TextToImage.from_recipe("pocket", device="cuda")
    together = outcomes(pipe, PROMPTS)
    for prompt, row in zip(PROMPTS, together, strict=True):
        (alone,) = outcomes(pipe, [prompt])
        assert alone.plan == row.plan
        assert alone.draft is not None and row.draft is not None
        assert torch.equal(alone.draft.tokens.cpu(), row.draft.tokens.cpu())
        assert difference(alone, row) <= 1


def test_pictures_are_the_cpus() -> None:
    """Of the same plans; a token may differ where rounding tips its draw, so one row of three may."""
    on_gpu = outcomes(TextToImage.from_recipe("pocket", device="cuda"), PROMPTS)
    on_cpu = outcomes(TextToImage.from_recipe("pocket", device="cpu"), PROMPTS)
    alike = [difference(*pair) <= 2 for pair in zip(on_gpu, on_cpu, strict=True)]
    assert alike.count(True) >= 2


def test_a_budget_is_never_passed() -> None:
    pipe = TextToImage.from_recipe("pocket", device="cuda")
    free = outcomes(pipe, PROMPTS)
    budget = pipe.runner.memory.resident_bytes * 6 // 10
    tight = TextToImage.from_recipe("pocket", device="cuda", memory=budget)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    rows = outcomes(tight, PROMPTS)
    assert torch.cuda.max_memory_allocated() - before <= budget
    assert all(difference(*pair) <= 1 for pair in zip(free, rows, strict=True))
