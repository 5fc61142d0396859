"""Janus and GLM-Image as drafters: token parity with the library, grids, and rows that know no neighbours."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych.engine.ar.decoding import decode_grid
from diptych.engine.ar.sampling import Sampling
from diptych.engine.errors import CheckpointError, RowError
from diptych.engine.models.language.multimodal_lm import Drafter, GlmImageDrafter, JanusDrafter, drawn
from diptych.engine.models.registry import Registry
from diptych.engine.randomness import RowKey, uniforms
from diptych.engine.stage import ModelKey, RunContext
from diptych.engine.stages.drafting.draft_multimodal import MultimodalDraftStage
from diptych.engine.values import Draft, Plan, Request, Settings
from diptych.engine.values.start import Start

from .drafter_twins import DRAFTERS, GLM_BOOK, glm_image, janus
from .planner_twins import smollm

PROMPTS = [
    "a red boat at sunset",
    "snow",
    "two blue birds above a small house in the snow; the moon is yellow",
    "cat",
    "three fish under water, in flat style",
]
SIZES = {"janus": (64, 64), "glm_image": (64, 96)}

Twin = Callable[[Callable[[Path], None]], Path]


Loaded = dict[ModelKey, Any]


def key_of(twin: Twin, name: str) -> ModelKey:
    part = "vision_language_encoder" if name == "glm_image" else ""
    return ModelKey("multimodal-lm", str(twin(DRAFTERS[name])), part=part)


@pytest.fixture(scope="module")
def load(twin: Twin) -> Callable[[str], Loaded]:
    loaded: dict[str, Loaded] = {}

    def load(name: str) -> Loaded:
        if name not in loaded:
            key = key_of(twin, name)
            loaded[name] = {key: Registry().load(key, "cpu")}
        return loaded[name]

    return load


def plan(prompt: str, seed: int, size: tuple[int, int], **settings: Any) -> Plan:
    request = Request(prompt=prompt, seed=seed, height=size[0], width=size[1], settings=Settings(**settings))
    return Plan(request=request, prompt=prompt, facts=())


def draft(models: Loaded, plans: Sequence[Plan]) -> list[Draft]:
    (key,) = models
    return MultimodalDraftStage(model=key).run(plans, models, RunContext())


def greedy(drafter: Drafter, prompt: str, grid: tuple[int, int], guidance: float | None) -> list[int]:
    count = drafter.lead(grid) + grid[0] * grid[1]
    return decode_grid(
        drafter.begin([prompt], grid, guided=guidance is not None),
        count=count,
        sampling=[Sampling(temperature=0)],
        guidance=None if guidance is None else [guidance],
        uniforms=uniforms([RowKey(0)], "draft", count),
        context=RunContext(),
    )[0].tolist()


@pytest.mark.parametrize("guidance", [1.5, 5.0])
def test_janus_tokens_are_the_librarys(load: Callable[[str], Loaded], guidance: float) -> None:
    (drafter,) = load("janus").values()
    assert isinstance(drafter, JanusDrafter)
    for prompt in PROMPTS[:3]:
        ids = torch.tensor([drafter.prompt_ids(prompt, (4, 4))])
        theirs = drafter.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            generation_mode="image",
            guidance_scale=guidance,
            do_sample=False,
        )[0].tolist()
        assert greedy(drafter, prompt, (4, 4), guidance) == theirs
        assert len(set(theirs)) > 1


def test_glm_image_tokens_are_the_librarys(load: Callable[[str], Loaded]) -> None:
    (drafter,) = load("glm_image").values()
    assert isinstance(drafter, GlmImageDrafter)
    grid, small = (2, 3), (13, 19)
    assert drafter.small(grid) == small
    ids = torch.tensor([drafter.prompt_ids(PROMPTS[0], grid)])
    total = grid[0] * grid[1] + small[0] * small[1]
    theirs = drafter.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        image_grid_thw=torch.tensor([[1, *grid], [1, *small]]),
        images_per_sample=torch.tensor([2]),
        max_new_tokens=total,
        min_new_tokens=total,
        suppress_tokens=[GLM_BOOK, GLM_BOOK + 1],
        do_sample=False,
    )[0, ids.shape[1] :].tolist()
    ours = greedy(drafter, PROMPTS[0], grid, None)
    assert ours == theirs and len(set(theirs)) > 1


def test_glm_image_is_asked_as_its_own_processor_asks(load: Callable[[str], Loaded]) -> None:
    from transformers.models.glm_image.image_processing_pil_glm_image import GlmImageImageProcessorPil
    from transformers.models.glm_image.processing_glm_image import GlmImageProcessor

    (drafter,) = load("glm_image").values()
    assert isinstance(drafter, GlmImageDrafter)
    processor = GlmImageProcessor(
        GlmImageImageProcessorPil(), drafter.tokenizer, chat_template=drafter.tokenizer.chat_template
    )
    messages = [{"role": "user", "content": [{"type": "text", "text": PROMPTS[0]}]}]
    for height, width in ((64, 96), (1024, 1024), (1152, 768)):
        asked: Any = processor.apply_chat_template(
            messages, tokenize=True, target_h=height, target_w=width, return_dict=True, return_tensors="pt"
        )
        grid = drafter.grid(height, width)
        assert drafter.prompt_ids(PROMPTS[0], grid) == asked["input_ids"][0].tolist()
        assert asked["image_grid_thw"].tolist() == [[1, *grid], [1, *drafter.small(grid)]]


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("name", DRAFTERS)
def test_a_row_is_the_same_alone_and_in_a_batch_of_five(
    load: Callable[[str], Loaded], name: str, guidance: float
) -> None:
    models, size = load(name), SIZES[name]
    how: dict[str, Any] = {"temperature": 0.9, "top_k": 30, "top_p": 0.95, "draft_guidance_scale": guidance}
    plans = [plan(prompt, seed=10 + i, size=size, **how) for i, prompt in enumerate(PROMPTS)]
    together = draft(models, plans)
    (alone,) = draft(models, [plans[2]])
    assert torch.equal(alone.tokens, together[2].tokens)
    assert (alone.preview.int() - together[2].preview.int()).abs().max() <= 1
    others = [plan("a house", seed=77 + i, size=size, **how) for i in range(4)]
    assert torch.equal(draft(models, [*others, plans[2]])[4].tokens, together[2].tokens)
    assert len({each.token_hash for each in together}) == 5
    (again,) = draft(models, [plan(PROMPTS[0], seed=99, size=size, **how)])
    assert not torch.equal(again.tokens, together[0].tokens), "a row's seed decides its tokens"


def test_grids_follow_the_request(load: Callable[[str], Loaded]) -> None:
    for size, grid in (((64, 96), (2, 3)), ((96, 64), (3, 2)), ((32, 128), (1, 4))):
        (one,) = draft(load("glm_image"), [plan("a boat", 1, size)])
        assert one.grid == grid and one.codebook.name == "glm-image"
        assert tuple(one.preview.shape) == (8 * grid[0], 8 * grid[1], 3)
    (one,) = draft(load("janus"), [plan("a boat", 1, (384, 384))])
    assert one.grid == (4, 4) and tuple(one.preview.shape) == (8, 8, 3)


def test_a_preview_is_what_the_models_own_decoder_shows(load: Callable[[str], Loaded]) -> None:
    models = load("janus")
    (drafter,) = models.values()
    (one,) = draft(models, [plan("a boat", 1, (64, 64))])
    pixels = drafter.model.decode_image_tokens(one.tokens.flatten()[None])[0]
    assert torch.equal(one.preview, ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8))


@pytest.mark.parametrize(("name", "size"), [("janus", (64, 96)), ("glm_image", (64, 100))])
def test_a_size_that_the_model_does_not_draw_is_refused(
    load: Callable[[str], Loaded], name: str, size: tuple[int, int]
) -> None:
    with pytest.raises(RowError, match=f"{size[1]}x{size[0]} pixels: this drafter") as caught:
        draft(load(name), [plan("a boat", 1, SIZES[name]), plan("a boat", 1, size)])
    assert caught.value.index == 1


def test_a_plan_that_is_too_long_is_refused(load: Callable[[str], Loaded]) -> None:
    long = plan("a boat, " * 400, 1, (64, 64))
    with pytest.raises(RowError, match="the drafter reads at most 512; shorten the prompt") as caught:
        draft(load("janus"), [plan("a boat", 1, (64, 64)), long])
    assert caught.value.index == 1


@pytest.mark.parametrize("name", DRAFTERS)
def test_how_much_is_drawn_is_known_from_the_config(load: Callable[[str], Loaded], name: str) -> None:
    ((key, drafter),) = load(name).items()
    for height, width in ((64, 64), (1024, 1024)):
        grid = drafter.grid(height, width)
        tokens, pixels = drawn(Path(key.checkpoint) / key.part, height, width)
        assert tokens == drafter.lead(grid) + grid[0] * grid[1]
        assert (pixels > 0) == (name == "janus")


def test_tokens_of_another_draft_are_refused(load: Callable[[str], Loaded]) -> None:
    start = Start(tokens=torch.zeros(4, 4, dtype=torch.long))
    plain = plan("a boat", 1, (64, 64))
    begun = dataclasses.replace(plain, request=dataclasses.replace(plain.request, start=start))
    with pytest.raises(RowError, match="draws whole grids") as caught:
        draft(load("janus"), [plain, begun])
    assert caught.value.index == 1


def test_the_workspace_grows_with_rows_branches_and_the_picture(twin: Twin) -> None:
    stage = MultimodalDraftStage(model=key_of(twin, "glm_image"))
    one = stage.workspace([plan("a boat", 1, (64, 64))])
    assert stage.workspace([plan("a boat", 1, (64, 64))] * 4) > one
    assert stage.workspace([plan("a boat", 1, (256, 256))]) > one
    assert stage.workspace([plan("a boat", 1, (64, 64), draft_guidance_scale=2.0)]) > one
    assert MultimodalDraftStage(model=key_of(twin, "janus")).workspace([plan("a boat", 1, (64, 64))]) > 0


def test_a_model_that_draws_nothing_is_refused(twin: Twin) -> None:
    key = ModelKey("multimodal-lm", str(twin(smollm)))
    with pytest.raises(CheckpointError, match="a llama drafts no pictures: known are janus, glm_image"):
        Registry().load(key, "cpu")
    assert janus.__name__ in DRAFTERS and glm_image.__name__ in DRAFTERS
