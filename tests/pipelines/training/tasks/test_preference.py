"""Preference tuning: what a drafter learns is what was scored better, and nothing where all is alike."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych import InputError, TextToImage
from diptych.engine.ar.decoding import token_log_probs
from diptych.engine.errors import DiptychError
from diptych.engine.stage import RunContext
from diptych.engine.values import Draft, Outcome
from diptych.pipelines.recipes.reader import POCKET_WEIGHTS
from diptych.pipelines.training.data.source import WorldData
from diptych.pipelines.training.run import run_training
from diptych.pipelines.training.tasks.preference import LEAST_SPREAD, PreferenceTask, fingerprint

WORLD = WorldData(count=500)
TINY = "pictures = 50\n[preference]\ncandidates = 2\n[preference.training]\nbatch_size = 1\nlog_every = 1\n"


@pytest.fixture
def task() -> PreferenceTask:
    return PreferenceTask(WORLD, POCKET_WEIGHTS, candidates=4, seed=3)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def step(task: PreferenceTask, lr: float) -> None:
    with torch.no_grad():
        for p in task.model.parameters():
            p -= lr * p.grad
            p.grad = None


def test_a_batch_is_each_prompt_as_often_as_it_is_drafted(task: PreferenceTask) -> None:
    batch = task.batch(5, 2)
    assert batch == task.batch(5, 2) and batch != task.batch(6, 2)
    assert [plan.request.candidate for plan in batch] == [0, 1, 2, 3] * 2
    assert len({plan.request.seed for plan in batch}) == 2 and all(plan.facts for plan in batch)


def test_drafts_are_those_of_the_chain(task: PreferenceTask) -> None:
    pipe = TextToImage.from_recipe("pocket", device="cpu")
    asked = task.batch(0, 1)[0].request
    (there,) = pipe.run([asked])
    assert isinstance(there, Outcome) and there.draft is not None
    (here,) = task.drafted([there.plan], task.drafter)
    assert here.token_hash == there.draft.token_hash
    assert torch.equal(here.preview, there.draft.preview)


def test_a_draft_is_scored_by_its_own_facts(task: PreferenceTask) -> None:
    own, other = task.batch(0, 2)[:: task.candidates]
    (draft,) = task.drafted([own], task.drafter)
    wrong = Draft(plan=other, tokens=draft.tokens, codebook=draft.codebook, preview=draft.preview)
    right, false = task.scored([draft, wrong])
    assert 0 <= false < right <= 1


def test_what_nobody_asked_for_earns_nothing(task: PreferenceTask) -> None:
    own, other = task.batch(0, 2)[:: task.candidates]
    (draft,) = task.drafted([own], task.drafter)
    more = tuple(dataclasses.replace(fact, asked=False) for fact in other.facts)
    plan = dataclasses.replace(own, facts=(*own.facts, *more))
    both = [draft, dataclasses.replace(draft, plan=plan)]
    plain, with_more = task.scored(both)
    assert with_more == pytest.approx(plain, abs=1e-3)


def test_token_log_probs_are_those_of_decoding(task: PreferenceTask) -> None:
    drafts = task.drafted(task.batch(0, 1)[:2], task.drafter)
    with torch.no_grad():
        found = task.token_log_probs(task.model, drafts)
    tokens = torch.stack([draft.tokens.flatten() for draft in drafts])
    decoding = task.drafter.begin([draft.plan.prompt for draft in drafts], guided=False)
    assert torch.allclose(found, token_log_probs(decoding, tokens, RunContext()), atol=1e-3)


def test_token_log_probs_are_those_at_the_temperature(task: PreferenceTask) -> None:
    drafts = task.drafted(task.batch(0, 1)[:2], task.drafter)
    task.temperature = 2.5
    with torch.no_grad():
        found = task.token_log_probs(task.model, drafts)[:, 0]
    first = torch.stack([draft.tokens.flatten()[:1] for draft in drafts])
    logits = task.drafter.begin([draft.plan.prompt for draft in drafts], guided=False).logits
    assert torch.allclose(found, (logits / 2.5).log_softmax(-1).gather(1, first)[:, 0], atol=1e-3)


def test_what_was_scored_better_becomes_likelier(task: PreferenceTask, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = task.batch(0, 2)
    drafts = task.drafted(batch, task.drafter)
    scores = [1.0, 0.0, 0.0, 0.0, 0.4, 0.4, 0.4, 0.4 + LEAST_SPREAD / 2]
    monkeypatch.setattr(task, "scored", lambda _: scores)
    with torch.no_grad():
        before = task.token_log_probs(task.model, drafts).mean(1)
    losses = task.loss(batch)
    assert float(losses["score"]) == pytest.approx(sum(scores) / 8)
    assert float(losses["divergence"]) == pytest.approx(0, abs=1e-6)
    losses["loss"].backward()
    step(task, 0.05)
    with torch.no_grad():
        gains = task.token_log_probs(task.model, drafts).mean(1) - before
    assert gains[0] > 0 and gains[0] > gains[1:4].max()
    assert gains[0] > gains[4:].abs().max()


@pytest.mark.parametrize("spread", [0.0, LEAST_SPREAD / 2])
def test_groups_that_are_all_alike_teach_nothing(
    task: PreferenceTask, monkeypatch: pytest.MonkeyPatch, spread: float
) -> None:
    monkeypatch.setattr(task, "scored", lambda drafts: [0.7 + spread, *[0.7] * (len(drafts) - 1)])
    task.loss(task.batch(0, 1))["loss"].backward()
    assert max(float(p.grad.abs().max()) for p in task.model.parameters()) == 0


def test_what_has_gone_astray_is_brought_back(task: PreferenceTask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "scored", lambda drafts: [0.7] * len(drafts))
    with torch.no_grad():
        task.model.model.norm.weight.mul_(1.3)
    batch = task.batch(0, 1)
    losses = task.loss(batch)
    assert float(losses["divergence"]) > 0.001
    losses["loss"].backward()
    drafts = task.drafted(batch, task.drafter)
    with torch.no_grad():
        before = task.compared(drafts)[1].mean()
    step(task, 0.1)
    with torch.no_grad():
        assert task.compared(drafts)[1].mean() < before


def test_it_is_trained_shown_and_put_beside_the_others(tmp_path: Path, tiny: Path) -> None:
    out = tmp_path / "run"
    assert run_training("preference", out, config=tiny, steps=2, beginning="pocket")
    header, *rows = (out / "preference" / "loss.csv").read_text().splitlines()
    assert header == "step,loss,score,divergence" and len(rows) == 2
    assert (out / "preference" / "samples.png").exists()
    weights = out / "preference" / "weights"
    pipe = TextToImage.from_recipe(str(weights / "recipe.toml"), device="cpu")
    assert pipe("a red boat", seed=1).outcomes[0].picture.pixels.shape == (256, 256, 3)
    for name in ("tokenizer", "planner", "refiner", "captioner", "inspector"):
        for path in (POCKET_WEIGHTS / name).rglob("*.safetensors"):
            assert (weights / name / path.relative_to(POCKET_WEIGHTS / name)).read_bytes() == path.read_bytes()
    assert fingerprint(weights) != fingerprint(POCKET_WEIGHTS)
    with pytest.raises(InputError, match="was started with beginning = "):
        run_training("preference", out, config=tiny, steps=3, beginning=str(weights))
    with pytest.raises(InputError, match="was started with candidates = 2, which is now 8"):
        run_training("preference", out, steps=2, beginning="pocket")


def test_a_run_that_was_stopped_ends_in_the_same_weights(tmp_path: Path, tiny: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    tiny.write_text(TINY + "cooldown = 0.0\nmatrix_lr = 0.02\n")
    moved = tmp_path / "elsewhere"
    shutil.copytree(POCKET_WEIGHTS, moved)
    assert run_training("preference", whole, config=tiny, steps=3, beginning="pocket")
    assert run_training("preference", parts, config=tiny, steps=1, beginning="pocket")
    assert run_training("preference", parts, config=tiny, steps=3, beginning=str(moved))  # the same weights
    one, two = ((out / "preference/model/model.safetensors").read_bytes() for out in (whole, parts))
    assert one == two


def test_a_folder_of_ones_own_pictures_gives_prompts(tmp_path: Path, tiny: Path, picture_folder: Path) -> None:
    out = tmp_path / "run"
    assert run_training("preference", out, config=tiny, steps=1, beginning="pocket", data=str(picture_folder))
    assert (out / "preference" / "weights" / "recipe.toml").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("candidates = 1", "with nothing to compare it with"),
        ("temperature = 0.0", "all drafts of a prompt are the same"),
        ("temperature = 6.0", "is at most 5"),
    ],
)
def test_settings_that_teach_nothing_are_refused(text: str, message: str, tmp_path: Path) -> None:
    config = tmp_path / "odd.toml"
    config.write_text(f"[preference]\n{text}\n")
    with pytest.raises(InputError, match=rf"config: \[preference\]: .*{message}"):
        run_training("preference", tmp_path / "run", config=config, beginning="pocket")
    assert not (tmp_path / "run" / "sizes.json").exists()


def without_captioner(weights: Path) -> None:
    shutil.rmtree(weights / "captioner")


def with_another_tokenizer(weights: Path) -> None:
    path = weights / "tokenizer" / "config.json"
    path.write_text(path.read_text().replace('"patches-', '"other-'))


def cut_off(weights: Path) -> None:
    path = weights / "drafter" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("corrupt", "message"),
    [
        (without_captioner, "holds no captioner: --start-from takes a folder of shipped weights"),
        (with_another_tokenizer, "its drafter writes tokens of another tokenizer than its own"),
        (cut_off, "drafter"),
    ],
)
def test_weights_that_do_not_do_are_refused_in_one_line(corrupt: Any, message: str, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(POCKET_WEIGHTS, weights)
    corrupt(weights)
    with pytest.raises(DiptychError, match=message) as refusal:
        run_training("preference", tmp_path / "run", beginning=str(weights))
    assert "\n" not in str(refusal.value)
    assert (tmp_path / "run").exists() == (
        corrupt is not without_captioner
    )  # what is missing is seen first of all
    assert not (tmp_path / "run" / "sizes.json").exists()


def test_it_needs_a_drafter_to_begin_with(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="train preference: tunes a drafter that there is: name its weights"):
        run_training("preference", tmp_path / "run")
    with pytest.raises(InputError, match="train preference: takes none of the pictures that --cache keeps"):
        run_training("preference", tmp_path / "run", beginning="pocket", cache=True)
    assert not (tmp_path / "run").exists()
