"""The two panels by themselves."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from diptych import InputError
from diptych.engine.stage import ModelKey, RunContext
from diptych.engine.values import Draft, Picture, Plan, Request
from diptych.pipelines.evaluation.ablation import EnlargeStage, UndraftedStage, alone
from diptych.pipelines.text_to_image import TextToImage

KEY = ModelKey("diffusers", "refiner")


class KeepingRefine:
    """Paints the sum of what the model says of the preview, and remembers what it was given."""

    uses = (KEY,)

    def workspace(self, batch: Sequence[Draft]) -> int:
        return 7 * len(batch)

    def run(self, batch: Sequence[Draft], models: Any, context: RunContext) -> list[Picture]:
        self.drafts, model = list(batch), models[KEY]
        told = model.encode_previews(torch.stack([draft.preview for draft in batch]), 64, 64)
        grey = int(told.sum()) + model.side
        pixels = torch.full((64, 64, 3), grey, dtype=torch.uint8)
        return [Picture(pixels=pixels, plan=draft.plan, draft=draft) for draft in batch]


def test_tokens_alone_are_the_preview_enlarged(pipe: TextToImage) -> None:
    (whole,), (tokens,) = (alone(pipe, panel)("a boat", seed=3).outcomes for panel in ("hybrid", "tokens"))
    assert whole.draft is not None and tokens.draft is not None
    assert torch.equal(whole.draft.tokens, tokens.draft.tokens)
    assert tokens.picture.pixels.shape == whole.picture.pixels.shape != tokens.draft.preview.shape
    preview, picture = tokens.draft.preview.float(), tokens.picture.pixels.float()
    assert abs(float(preview.mean() - picture.mean())) < 2 < float(picture.std())
    assert list(tokens.timings) == ["plan", "draft", "enlarge", "judge"]


def test_an_enlarged_picture_keeps_within_bounds(pipe: TextToImage) -> None:
    draft = pipe("a boat").outcomes[0].draft
    assert draft is not None
    (picture,) = EnlargeStage().run([draft], {}, RunContext())
    assert picture.draft is draft and picture.plan is draft.plan


def test_the_refiner_alone_is_told_of_no_tokens() -> None:
    refine = KeepingRefine()
    stage = UndraftedStage(refine)  # type: ignore[arg-type]
    plan = Plan(request=Request(prompt="a boat", height=64, width=64), prompt="a red boat", facts=())
    model: Any = SimpleNamespace(codebook="the codebook", side=64, encode_previews=lambda x, h, w: x + 9.0)
    (picture,) = stage.run([plan], {KEY: model}, RunContext())
    assert int(picture.pixels[0, 0, 0]) == 64  # of the model's own side, and nothing of a preview
    assert picture.draft is None and picture.plan is plan
    assert refine.drafts[0].codebook.name == "the codebook" and refine.drafts[0].plan is plan
    assert stage.uses == (KEY,) and stage.workspace([plan, plan]) == 14


def test_a_panel_that_there_is_not_is_refused(pipe: TextToImage) -> None:
    with pytest.raises(InputError, match="choose one of hybrid, tokens, diffusion"):
        alone(pipe, "token")
    with pytest.raises(InputError, match="does not both draft and refine"):
        alone(pipe, "diffusion")  # the fakes' refine stage is none that could be told of no tokens
