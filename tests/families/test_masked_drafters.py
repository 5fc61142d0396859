"""aMUSEd as a drafter: the library's own tokens for the same draws, rows that know no neighbours, editing."""

import importlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych.engine.ar.sampling import Sampler, Sampling
from diptych.engine.ar.unmasking import _gumbel
from diptych.engine.errors import CheckpointError, InputError, RowError
from diptych.engine.models.registry import Registry
from diptych.engine.randomness import RowKey, uniforms
from diptych.engine.stage import ModelKey, RunContext
from diptych.engine.stages.drafting.draft_masked import MaskedDraftStage
from diptych.engine.values import Draft, Plan, Request, Settings
from diptych.engine.values.start import Start

from .masked_drafter_twins import BOOK, amused

diffusers: Any = importlib.import_module("diffusers")
scheduling: Any = importlib.import_module("diffusers.schedulers.scheduling_amused")
Twin = Callable[[Callable[[Path], None]], Path]
STEPS, SIDE = 5, 64
GRID = (8, 8)
PROMPTS = ["a red boat at sunset", "snow", "two blue birds above a small house"]


@pytest.fixture(scope="module")
def model(twin: Twin) -> dict[ModelKey, Any]:
    key = ModelKey("masked-token-transformer", str(twin(amused)))
    return {key: Registry().load(key, "cpu")}


def plan(prompt: str, seed: int, *, start: Start | None = None, side: int = SIDE, **settings: Any) -> Plan:
    request = Request(
        prompt=prompt,
        seed=seed,
        height=side,
        width=side,
        negative_prompt="a tree",
        settings=Settings(**settings),
        start=start,
    )
    return Plan(request=request, prompt=prompt, facts=())


def drafted(model: dict[ModelKey, Any], plans: Sequence[Plan], **settings: Any) -> list[Draft]:
    (key,) = model
    return MaskedDraftStage(model=key, **{"steps": STEPS, **settings}).run(plans, model, RunContext())


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_tokens_are_the_librarys_own_for_the_same_draws(
    scale: float, model: dict[ModelKey, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (key,) = model
    (ours,) = drafted(model, [plan(PROMPTS[0], 7, draft_guidance_scale=scale)])
    count = GRID[0] * GRID[1]
    draws = uniforms([RowKey(7, 0)], "draft", STEPS * 2 * count).reshape(STEPS, 2, count)
    tokens, choices = iter(draws[:, 0]), iter(draws[:, 1])
    monkeypatch.setattr(
        torch,
        "multinomial",
        lambda p, *_, **__: Sampler([Sampling()] * count, "cpu").draw(p.log(), next(tokens))[:, None],
    )
    monkeypatch.setattr(scheduling, "gumbel_noise", lambda *_, **__: _gumbel(next(choices)).float()[None])
    pipeline = diffusers.AmusedPipeline.from_pretrained(key.checkpoint, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    call = {"num_inference_steps": STEPS, "guidance_scale": scale, "negative_prompt": "a tree"}
    theirs = pipeline(PROMPTS[0], height=SIDE, width=SIDE, output_type="latent", return_dict=False, **call)[0]
    assert torch.equal(ours.tokens, theirs[0])
    assert len(ours.tokens.unique()) > 3, "a model that says one thing proves nothing"
    monkeypatch.undo()
    shape = (1, *GRID, pipeline.vqvae.config.latent_channels)
    shown = pipeline.vqvae.decode(theirs, force_not_quantize=True, shape=shape).sample.clip(0, 1)
    shown = (shown[0].permute(1, 2, 0) * 255).round().to(torch.uint8)
    assert torch.equal(ours.preview, shown)


def test_a_row_is_the_same_alone_and_in_a_batch(model: dict[ModelKey, Any]) -> None:
    plans = [plan(prompt, seed, draft_guidance_scale=2.0) for seed, prompt in enumerate(PROMPTS)]
    together = drafted(model, plans)
    for each, one in zip(together, plans, strict=True):
        (alone,) = drafted(model, [one])
        assert torch.equal(each.tokens, alone.tokens)
    (other,) = drafted(model, [plan(PROMPTS[0], 99, draft_guidance_scale=2.0)])
    assert not torch.equal(other.tokens, together[0].tokens)


def test_tokens_outside_a_list_stay_and_those_in_it_are_drawn(model: dict[ModelKey, Any]) -> None:
    (before,) = drafted(model, [plan(PROMPTS[0], 1)])
    redraw = torch.zeros(GRID, dtype=torch.bool)
    redraw[2:5, 3:8] = True
    rows = [
        plan(PROMPTS[1], 2, start=Start(tokens=before.tokens, redraw=redraw)),
        plan(PROMPTS[1], 2),
    ]
    edited, fresh = drafted(model, rows)
    assert torch.equal(edited.tokens[~redraw], before.tokens[~redraw])
    assert not torch.equal(edited.tokens[redraw], before.tokens[redraw])
    assert edited.initial_tokens is not None and torch.equal(edited.initial_tokens, before.tokens)
    assert torch.equal(fresh.tokens, drafted(model, [rows[1]])[0].tokens)


@pytest.mark.parametrize(("share", "most"), [(0.0, 0), (0.25, 16)])
def test_a_share_is_drawn_again_and_no_more(share: float, most: int, model: dict[ModelKey, Any]) -> None:
    (before,) = drafted(model, [plan(PROMPTS[0], 1)])
    (edited,) = drafted(model, [plan(PROMPTS[1], 2, start=Start(tokens=before.tokens, redraw=share))])
    changed = int((edited.tokens != before.tokens).sum())
    assert changed <= most and (changed > 0) == (most > 0)


def test_a_picture_becomes_tokens_and_shows_itself(model: dict[ModelKey, Any]) -> None:
    (before,) = drafted(model, [plan(PROMPTS[0], 1)])
    (handle,) = model.values()
    start = Start(picture=before.preview, redraw=0.0)
    (kept,) = drafted(model, [plan(PROMPTS[1], 2, start=start)])
    assert torch.equal(kept.tokens, handle.encode(before.preview[None])[0])


def test_other_sizes_have_other_grids_and_what_is_no_multiple_is_refused(model: dict[ModelKey, Any]) -> None:
    (wide,) = drafted(model, [plan(PROMPTS[0], 1, side=96)])
    assert wide.grid == (12, 12) and wide.preview.shape == (96, 96, 3)
    with pytest.raises(RowError, match="8 pixels wide: ask for 72x72"):
        drafted(model, [plan(PROMPTS[0], 1, side=70)])
    with pytest.raises(RowError, match="this drafter's grid is 8x8"):
        drafted(model, [plan(PROMPTS[0], 1, start=Start(tokens=wide.tokens))])
    with pytest.raises(InputError, match="choice_temperature"):
        drafted(model, [], choice_temperature=-1.0)


@pytest.mark.parametrize(
    ("path", "change", "said"),
    [
        ("model_index.json", {"_class_name": "FluxPipeline"}, "is no masked-token drafter"),
        ("scheduler/scheduler_config.json", {"mask_token_id": 3}, "must be above the 24 tokens"),
        ("scheduler/scheduler_config.json", {"masking_schedule": "steep"}, "must be cosine or linear"),
    ],
)
def test_what_is_no_such_checkpoint_is_refused(
    path: str, change: dict[str, Any], said: str, twin: Twin, tmp_path: Path
) -> None:
    folder = shutil.copytree(twin(amused), tmp_path / "copy")
    (folder / path).write_text(json.dumps(json.loads((folder / path).read_text()) | change))
    with pytest.raises(CheckpointError, match=said):
        Registry().load(ModelKey("masked-token-transformer", str(folder)), "cpu")


def test_ids_are_legal(model: dict[ModelKey, Any]) -> None:
    for each in drafted(model, [plan(prompt, 5, temperature=2.0) for prompt in PROMPTS]):
        assert int(each.tokens.min()) >= 0 and int(each.tokens.max()) < BOOK
