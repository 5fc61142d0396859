"""Emu3 and Chameleon as drafters: tokens are those of the library's own generate, whatever the neighbours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych.engine.ar.decoding import decode_grid
from diptych.engine.ar.sampling import Sampling
from diptych.engine.errors import CheckpointError, RowError
from diptych.engine.models.language.multimodal_lm import Drafter, drawn
from diptych.engine.models.language.shared_vocabulary import Emu3Drafter
from diptych.engine.models.registry import Registry
from diptych.engine.randomness import RowKey, uniforms
from diptych.engine.stage import ModelKey, RunContext
from diptych.engine.stages.drafting.draft_multimodal import MultimodalDraftStage
from diptych.engine.values import Plan, Request, Settings

from .words_drafter_twins import BOOK, WORDS_DRAFTERS, chameleon, emu3

Twin = Callable[[Callable[[Path], None]], Path]
PROMPTS = ["a red boat at sunset", "snow", "two blue birds above a small house in the snow"]
SIZES = {"emu3": (24, 32), "chameleon": (64, 64)}
GRIDS = {"emu3": (3, 4), "chameleon": (4, 4)}


def loaded(twin: Twin, name: str) -> tuple[ModelKey, Any]:
    key: ModelKey = ModelKey("multimodal-lm", str(twin(WORDS_DRAFTERS[name])))
    return key, Registry().load(key, "cpu")


def greedy(drafter: Drafter, prompts: list[str], grid: tuple[int, int], guidance: float | None) -> torch.Tensor:
    count = grid[0] * grid[1]
    return decode_grid(
        drafter.begin(prompts, grid, guided=guidance is not None),
        count=count,
        sampling=[Sampling(temperature=0)] * len(prompts),
        guidance=None if guidance is None else [guidance] * len(prompts),
        uniforms=uniforms([RowKey(i) for i in range(len(prompts))], "draft", count),
        context=RunContext(),
    )


def of_library(name: str, drafter: Any, prompt: str, guidance: float | None) -> list[int]:
    """What the library's `generate` writes where only tokens of a picture may come, as its manual shows."""
    (rows, columns), model = GRIDS[name], drafter.model
    ids = torch.tensor([drafter.prompt_ids(prompt, (rows, columns))])
    mapping = model.model.vocabulary_mapping
    ends = name == "emu3"
    images = list(mapping.image_tokens)
    if not ends:
        vars(mapping)["image_tokens"] = []  # which the library's own forward hides, as the model was released

    def allowed(_: int, said: torch.Tensor) -> list[int]:
        offset = len(said) - ids.shape[1] + 1
        return [mapping.eol_token_id] if ends and offset % (columns + 1) == 0 else images

    more: dict[str, Any] = {}
    if guidance is not None:
        free = torch.tensor([drafter.prompt_ids("", (rows, columns))])
        more = {"guidance_scale": guidance, "negative_prompt_ids": free}
    count = rows * (columns + ends)
    said = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=count,
        min_new_tokens=count,
        do_sample=False,
        prefix_allowed_tokens_fn=allowed,
        **more,
    )[0, ids.shape[1] :]
    if not ends:
        vars(mapping)["image_tokens"] = images
    entries = [mapping.bpe2img[int(each)] for each in said if int(each) in mapping.bpe2img]
    assert len(entries) == rows * columns
    return entries


@pytest.mark.parametrize("guidance", [None, 3.0])
@pytest.mark.parametrize("name", WORDS_DRAFTERS)
def test_tokens_are_the_librarys_alone_and_in_a_batch(name: str, guidance: float | None, twin: Twin) -> None:
    _, drafter = loaded(twin, name)
    together = greedy(drafter, PROMPTS, GRIDS[name], guidance).tolist()
    for prompt, row in zip(PROMPTS, together, strict=True):
        expected = of_library(name, drafter, prompt, guidance)
        assert row == expected and len(set(expected)) > 1
        assert greedy(drafter, [prompt], GRIDS[name], guidance)[0].tolist() == expected


@pytest.mark.parametrize("name", WORDS_DRAFTERS)
def test_a_row_draws_the_same_beside_others(name: str, twin: Twin) -> None:
    key, drafter = loaded(twin, name)
    height, width = SIZES[name]
    settings = Settings(temperature=0.9, top_k=20, draft_guidance_scale=2.0)
    plans = [
        Plan(
            request=Request(prompt=text, seed=i, height=height, width=width, settings=settings),
            prompt=text,
            facts=(),
        )
        for i, text in enumerate(PROMPTS)
    ]
    stage = MultimodalDraftStage(model=key)
    together = stage.run(plans, {key: drafter}, RunContext())
    (alone,) = stage.run(plans[1:2], {key: drafter}, RunContext())
    assert torch.equal(alone.tokens, together[1].tokens) and alone.grid == GRIDS[name]
    assert (alone.preview.int() - together[1].preview.int()).abs().max() <= 1
    assert stage.workspace(plans) > stage.workspace(plans[:1]) > 0
    assert drawn(Path(key.checkpoint), height, width)[0] == GRIDS[name][0] * (GRIDS[name][1] + (name == "emu3"))


def test_emu3s_preview_is_what_its_own_decoder_shows(twin: Twin) -> None:
    _, drafter = loaded(twin, "emu3")
    assert isinstance(drafter, Emu3Drafter)
    tokens = torch.randint(BOOK, (2, 3, 4), generator=torch.Generator().manual_seed(0))
    previews, sound = drafter.previews(tokens)
    assert previews.shape == (2, 24, 32, 3) and sound.all()
    words = drafter.words[torch.nn.functional.pad(tokens, (0, 1), value=BOOK)].flatten(1)
    shades = drafter.model.decode_image_tokens(
        image_tokens=torch.nn.functional.pad(words, (0, 3)), height=3, width=4
    )
    shown = shades * torch.tensor(drafter.deviation)[:, None, None] + torch.tensor(drafter.mean)[:, None, None]
    expected = (shown.clamp(0, 1) * 255).round().to(torch.uint8).movedim(1, -1)
    assert (previews.int() - expected.int()).abs().max() <= 1


def test_sizes_that_they_do_not_draw_are_refused(twin: Twin) -> None:
    for name, size, said in (
        ("emu3", (24, 30), "draws multiples of 8"),
        ("emu3", (512, 512), "at most"),
        ("chameleon", (64, 32), "square"),
    ):
        key, drafter = loaded(twin, name)
        stage = MultimodalDraftStage(model=key)
        request = Request(prompt="a boat", height=size[0], width=size[1])
        assert said in stage.size_fault(*size)
        with pytest.raises(RowError, match=said):
            stage.run([Plan(request=request, prompt="a boat", facts=())], {key: drafter}, RunContext())


def test_a_config_that_names_too_few_image_tokens_is_refused(twin: Twin, tmp_path: Path) -> None:
    import json
    import shutil

    for make in (emu3, chameleon):
        folder = shutil.copytree(twin(make), tmp_path / make.__name__)
        config = json.loads((folder / "config.json").read_text())
        kept = {
            name: each for name, each in config["vocabulary_map"].items() if "7" not in name and "H" not in name
        }
        (folder / "config.json").write_text(json.dumps(config | {"vocabulary_map": kept}))
        with pytest.raises(CheckpointError, match="image tokens of a codebook of 32"):
            Registry().load(ModelKey("multimodal-lm", str(folder)), "cpu")
