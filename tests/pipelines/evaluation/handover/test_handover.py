"""The comparison of what a refiner is handed: equal training, what each kind sees, going on."""

import time
from pathlib import Path
from typing import get_args

import pytest
import torch

from diptych.engine.models.vision.patch_codebook import PatchCodebook
from diptych.pipelines.evaluation.handover.comparison import run
from diptych.pipelines.training.handover import arms as training
from diptych.pipelines.training.handover.arms import Arm, train
from diptych.pipelines.training.handover.drafts import Drafts, kept, shuffled
from diptych.pipelines.training.handover.refiner import Handed, HandedRefiner

WIDTH, WORDS, CELLS = 6, 40, 16


@pytest.fixture(scope="module")
def drafts() -> Drafts:
    g = torch.Generator().manual_seed(0)
    return Drafts(
        pixels=torch.randint(256, (4, 64, 64, 3), generator=g).to(torch.uint8),
        tokens=torch.randint(8, (4, CELLS, CELLS), generator=g),
        states=torch.randn(4, WIDTH, CELLS, CELLS, generator=g).half(),
        text=torch.randint(WORDS, (4, 28), generator=g),
    )


def refiner(handed: Handed) -> HandedRefiner:
    centroids = torch.rand(8, 48, generator=torch.Generator().manual_seed(1))
    book = PatchCodebook(centroids, patch=4, grid=(CELLS, CELLS), name="test")
    return HandedRefiner(handed, book, width=WIDTH, words=WORDS)


def changed(drafts: Drafts, what: str) -> Drafts:
    fields = vars(drafts) | {what: getattr(drafts, what).flip(0)}
    return Drafts(**fields)


@pytest.mark.parametrize("handed", get_args(Handed))
def test_a_refiner_sees_what_it_is_handed_and_nothing_else(handed: Handed, drafts: Drafts) -> None:
    model = refiner(handed)
    for what in ("tokens", "states"):
        same = torch.equal(model.condition(drafts), model.condition(changed(drafts, what)))
        assert same == (what != handed)


def test_all_kinds_begin_with_the_same_weights() -> None:
    one, other = refiner("text"), refiner("states")
    for name, weight in one.unet.named_parameters():
        assert torch.equal(weight, dict(other.unet.named_parameters())[name])


def test_whoever_had_least_time_is_next_and_training_goes_on_where_it_was(
    drafts: Drafts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "TURN", 1)
    monkeypatch.setattr(training, "BATCH", 2)
    ticks = iter(range(10_000))
    monkeypatch.setattr(time, "process_time", lambda: float(next(ticks)))  # each step takes a second

    def arms(budget_s: float) -> dict[str, Arm]:
        kinds: tuple[Handed, ...] = ("text", "states")
        return {each: Arm(refiner(each), budget_s, tmp_path / f"{each}.safetensors") for each in kinds}

    train(first := arms(2.0), drafts, say=print)
    assert [(arm.steps, arm.seconds) for arm in first.values()] == [(2, 2.0), (2, 2.0)]
    again = arms(3.0)
    assert all(arm.steps == 2 and not arm.is_done for arm in again.values())
    for name, arm in again.items():
        for one, other in zip(arm.model.parameters(), first[name].model.parameters(), strict=True):
            assert torch.equal(one, other)
    train(again, drafts, say=print)
    assert [arm.steps for arm in again.values()] == [3, 3]


def test_each_row_is_seen_once_before_any_is_seen_again() -> None:
    seen = torch.cat([shuffled(12, 3, step) for step in range(8)])
    assert sorted(seen[:12].tolist()) == sorted(seen[12:].tolist()) == list(range(12))
    assert seen[:12].tolist() != seen[12:].tolist()


def test_drafts_are_made_once(drafts: Drafts, tmp_path: Path) -> None:
    calls: list[int] = []

    def make() -> Drafts:
        calls.append(1)
        return drafts

    for _ in range(2):
        assert torch.equal(kept(tmp_path / "drafts.safetensors", make).tokens, drafts.tokens)
    assert calls == [1]


@pytest.mark.parametrize(
    "arguments", [[], ["x", "soon"], ["x", "-1"], ["x", "1", "0"], ["x", "1", "9", "2", "3"]]
)
def test_wrong_arguments_are_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "minutes" in said.lower()
