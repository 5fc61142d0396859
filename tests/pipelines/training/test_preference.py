"""Preference tuning: what a drafter learns is what was scored better, and nothing where all is alike."""

from pathlib import Path

import pytest
import torch

from diptych import InputError, TextToImage
from diptych.engine.models.from_transformers import load_image_token_model
from diptych.engine.values import Draft
from diptych.pipelines.recipes.reader import POCKET_WEIGHTS
from diptych.pipelines.training.command import run_training
from diptych.pipelines.training.data import WorldData
from diptych.pipelines.training.preference import LEAST_SPREAD, PreferenceTask

WORLD = WorldData(count=500)


@pytest.fixture
def task() -> PreferenceTask:
    return PreferenceTask(WORLD, POCKET_WEIGHTS, candidates=4, seed=3)


def test_a_batch_is_each_prompt_as_often_as_it_is_drafted(task: PreferenceTask) -> None:
    batch = task.batch(5, 2)
    assert batch == task.batch(5, 2) and batch != task.batch(6, 2)
    assert [plan.request.candidate for plan in batch] == [0, 1, 2, 3] * 2
    assert len({plan.request.seed for plan in batch}) == 2 and all(plan.facts for plan in batch)


def test_drafts_are_those_of_the_chain(task: PreferenceTask) -> None:
    (plan, *_) = task.batch(0, 1)
    (draft,) = task._drafted([plan], task.drafter)
    pipe = TextToImage.from_recipe("pocket", device="cpu")
    (there,) = pipe.run([plan.request])
    if there.plan.prompt == plan.prompt:  # the planner may word it otherwise
        assert there.draft is not None and there.draft.token_hash == draft.token_hash
    assert torch.equal(draft.preview, task.codebook.decode(draft.tokens[None])[0])


def test_drafts_are_scored_as_the_loop_scores_them(task: PreferenceTask) -> None:
    own, other = task.batch(0, 2)[:: task.candidates]
    (draft,) = task._drafted([own], task.drafter)
    wrong = Draft(plan=other, tokens=draft.tokens, codebook=draft.codebook, preview=draft.preview)
    right, false = task._scored([draft, wrong])
    assert 0 <= false < right <= 1


def test_what_was_scored_better_becomes_likelier(task: PreferenceTask, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = task.batch(0, 2)
    drafts = task._drafted(batch, task.drafter)
    scores = [1.0, 0.0, 0.0, 0.0, 0.4, 0.4, 0.4, 0.4 + LEAST_SPREAD / 2]
    monkeypatch.setattr(task, "_scored", lambda _: scores)
    with torch.no_grad():
        before = task._likely(task.model, drafts).mean(1)
    losses = task.loss(batch)
    assert float(losses["score"]) == pytest.approx(sum(scores) / 8)
    assert float(losses["divergence"]) == pytest.approx(0, abs=1e-6)
    losses["loss"].backward()
    with torch.no_grad():
        for p in task.model.parameters():
            p -= 0.05 * p.grad
        gains = task._likely(task.model, drafts).mean(1) - before
    assert gains[0] > 0 and gains[0] > gains[1:4].max()


def test_a_group_that_is_all_alike_teaches_nothing(
    task: PreferenceTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "_scored", lambda drafts: [0.7] * len(drafts))
    task.loss(task.batch(0, 1))["loss"].backward()
    assert max(float(p.grad.abs().max()) for p in task.model.parameters()) < 1e-6


def test_the_divergence_is_that_from_what_it_began_as(task: PreferenceTask) -> None:
    drafts = task._drafted(task.batch(0, 1), task.drafter)
    with torch.no_grad():
        task.model.model.norm.weight.mul_(1.3)
        likely, distance = task._compared(drafts)
        was = task._likely(task.before.model, drafts)
    assert (distance > 0).all()
    assert torch.allclose(distance, ((was - likely).exp() - 1 - (was - likely)).mean(1))


def test_it_is_trained_shown_and_shipped(tmp_path: Path) -> None:
    config, out, into = tmp_path / "small.toml", tmp_path / "run", tmp_path / "mine"
    config.write_text("pictures = 50\n[preference]\ncandidates = 2\n[preference.training]\nbatch_size = 1\n")
    assert run_training("preference", out, config=config, steps=2, beginning="pocket")
    header, *rows = (out / "preference" / "loss.csv").read_text().splitlines()
    assert header == "step,loss,score,divergence" and len(rows) == 1
    assert (out / "preference" / "samples.png").exists()
    assert run_training("preference", out, config=config, steps=2, beginning="pocket")  # is done already
    assert run_training("ship", out, into=into)
    assert sorted(path.name for path in into.iterdir()) == ["drafter"]
    tuned, shipped = (
        load_image_token_model(folder / "drafter", torch.float32, torch.device("cpu"))
        for folder in (into, POCKET_WEIGHTS)
    )
    assert tuned.grid == shipped.grid and tuned.codebook == shipped.codebook
    with pytest.raises(InputError, match="was begun with candidates = 2, which is now 8"):
        run_training("preference", out, steps=2, beginning="pocket")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[preference]\ncandidates = 1\n", "with nothing to compare it with"),
        ("[preference]\ntemperature = 0.0\n", "all drafts of a prompt are the same"),
    ],
)
def test_settings_that_teach_nothing_are_refused(text: str, message: str, tmp_path: Path) -> None:
    config = tmp_path / "odd.toml"
    config.write_text(text)
    with pytest.raises(InputError, match=rf"config: \[preference\]: .*{message}"):
        run_training("preference", tmp_path / "run", config=config, beginning="pocket")


def test_it_needs_a_drafter_to_begin_with(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="train preference: tunes a drafter that there is: name its weights"):
        run_training("preference", tmp_path / "run")
    assert not (tmp_path / "run").exists()
