"""NaN and infinity in one row: it fails by name, and its neighbours come out with the same bits as ever."""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych.engine.errors import CheckpointError, RowError
from diptych.engine.memory import DeviceMemory
from diptych.engine.microbatch import Done, Failed, run_stage
from diptych.engine.models.diffusion.patch_latents import PatchLatents
from diptych.engine.models.registry import Registry
from diptych.engine.models.vision.caption_decoder import ImageFeatures
from diptych.engine.models.vision.captioner import Captioner
from diptych.engine.models.vision.patch_codebook import PatchCodebook
from diptych.engine.stage import ModelKey, Models, RunContext, no_numbers
from diptych.engine.stages.drafting.draft import DraftStage
from diptych.engine.stages.judging.judge import JudgeStage
from diptych.engine.stages.painting.morph import Between, MorphStage
from diptych.engine.stages.painting.refine import RefineStage
from diptych.engine.stages.painting.upscale import UpscaleStage
from diptych.engine.stages.planning.plan import PlanStage
from diptych.engine.values import Draft, Fact, FactAnswer, Picture, Plan, Request, Verdict

from ...fakes import NameLoader

PROMPTS = ("a red boat in the snow", "a purple castle at night", "a blue cat on the beach")
BAD = 1
NOT_FINITE = (float("nan"), float("inf"))


class Given(NameLoader):
    """Models that are there already."""

    def __init__(self, models: Models) -> None:
        super().__init__(1)
        self._models = models

    def load(self, key: ModelKey, device: str, /, *, streamed: bool = False) -> Any:
        return self._models[key]


def with_own(handle: Any, name: str, change: Callable[[Any], None]) -> Any:
    """A handle whose module of this name is a changed copy."""
    module = copy.deepcopy(getattr(handle, name))
    with torch.no_grad():
        change(module)
    return dataclasses.replace(handle, **{name: module})


def own_ids(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """Tokens of the bad text that the others do not have."""
    rows = [set(tokenizer.encode(text, add_special_tokens=False)) for text in texts]
    found = rows[BAD] - set().union(*(row for i, row in enumerate(rows) if i != BAD))
    assert found
    return sorted(found)


def check(stage: Any, values: Sequence[Any], sound: Any, broken: Any, what: str, by: str) -> None:
    """The bad row fails, and says what is no number; the others are as they are where nothing is wrong."""
    expected = run_stage(stage, values, memory=DeviceMemory(Given(sound)))
    found = run_stage(stage, values, memory=DeviceMemory(Given(broken)))
    for i, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert isinstance(other, Done)
        if i == BAD:
            assert isinstance(one, Failed), one
            assert by in one.reason and f"gave {what} that are no numbers" in one.reason
        else:
            assert isinstance(one, Done) and bits(one.value) == bits(other.value)
    batch = list(values)
    with pytest.raises(RowError, match=what) as caught:  # without anybody who keeps the books
        stage.run(batch, broken, RunContext())
    assert caught.value.index == BAD


def bits(value: Any) -> Any:
    match value:
        case Draft():
            return value.tokens.tolist(), value.preview.tolist()
        case Picture():
            return value.pixels.tolist()
        case _:
            return value


@pytest.mark.parametrize("number", NOT_FINITE)
def test_a_planner(load: Callable[..., Models], planner: ModelKey, number: float) -> None:
    models = load(planner)
    requests = [Request(prompt=f"{prompt.split()[2]}", seed=i) for i, prompt in enumerate(PROMPTS)]
    ids = own_ids(models[planner].tokenizer, [f" {request.prompt}" for request in requests])

    def poison(model: Any) -> None:
        model.get_input_embeddings().weight[ids] = number

    broken = {planner: with_own(models[planner], "model", poison)}
    check(PlanStage(model=planner), requests, models, broken, "logits", "pocket/planner")


@pytest.mark.parametrize("number", NOT_FINITE)
def test_a_drafter(
    load: Callable[..., Models],
    drafter: ModelKey,
    codebook: ModelKey,
    make_plan: Callable[..., Plan],
    number: float,
) -> None:
    models = load(drafter, codebook)
    ids = own_ids(models[drafter].tokenizer, PROMPTS)

    def poison(model: Any) -> None:
        model.get_input_embeddings().weight[ids] = number

    broken = {**{key: models[key] for key in models}, drafter: with_own(models[drafter], "model", poison)}
    plans = [make_plan(prompt, seed=i) for i, prompt in enumerate(PROMPTS)]
    check(DraftStage(model=drafter, codebook=codebook), plans, models, broken, "logits", "pocket/drafter")


def test_a_codebook(
    load: Callable[..., Models], drafter: ModelKey, codebook: ModelKey, make_plan: Callable[..., Plan]
) -> None:
    models = load(drafter, codebook)
    stage = DraftStage(model=drafter, codebook=codebook)
    plans = [make_plan(prompt, seed=i) for i, prompt in enumerate(PROMPTS)]
    drafts = stage.run(plans, models, RunContext())
    others = torch.cat([draft.tokens.flatten() for i, draft in enumerate(drafts) if i != BAD])
    own = next(token for token in drafts[BAD].tokens.flatten().tolist() if token not in others)
    book = copy.deepcopy(models[codebook])
    book.centroids[own, 5] = torch.nan
    check(
        stage,
        plans,
        models,
        {**{key: models[key] for key in models}, codebook: book},
        "pixels",
        "pocket/tokenizer",
    )


@pytest.fixture(scope="module")
def drafts(load: Callable[..., Models], drafter: ModelKey, codebook: ModelKey, make_plan: Any) -> list[Draft]:
    models = load(drafter, codebook)
    plans = [make_plan(prompt, seed=i, num_inference_steps=2) for i, prompt in enumerate(PROMPTS)]
    return DraftStage(model=drafter, codebook=codebook).run(plans, models, RunContext())


def unreadable(refiner: Any, number: float) -> Any:
    """A refiner that cannot read the bad prompt."""
    ids = own_ids(refiner.tokenizer, PROMPTS)

    def poison(encoder: Any) -> None:
        encoder.get_input_embeddings().weight[ids] = number

    return with_own(refiner, "text_encoder", poison)


@pytest.mark.parametrize("number", NOT_FINITE)
def test_a_refiner(load: Callable[..., Models], refiner: ModelKey, drafts: list[Draft], number: float) -> None:
    models = load(refiner)
    broken = {refiner: unreadable(models[refiner], number)}
    check(RefineStage(model=refiner), drafts, models, broken, "pixels", "pocket/refiner")


def test_a_morph(load: Callable[..., Models], refiner: ModelKey, drafts: list[Draft]) -> None:
    models = load(refiner)
    ways = [Between(first=draft, second=draft, share=0.5) for draft in drafts]
    broken = {refiner: unreadable(models[refiner], torch.nan)}
    check(MorphStage(model=refiner), ways, models, broken, "pixels", "pocket/refiner")


def test_an_enlargement(load: Callable[..., Models], refiner: ModelKey, drafts: list[Draft]) -> None:
    models = load(refiner)
    pictures = [Picture(pixels=draft.preview, plan=draft.plan) for draft in drafts]
    broken = {refiner: unreadable(models[refiner], torch.nan)}
    check(UpscaleStage(model=refiner), pictures, models, broken, "pixels", "pocket/refiner")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dazzled(Captioner):
    """A captioner that sees no numbers in the bad picture."""

    sees: float

    def look(self, pictures: Sequence[torch.Tensor]) -> ImageFeatures:
        seen = [(k.clone(), v.clone()) for k, v in super().look(pictures).layers]
        for k, v in seen:
            k[BAD] = v[BAD] = self.sees
        return ImageFeatures(tuple(seen))


@pytest.mark.parametrize("number", NOT_FINITE)
def test_a_captioner(
    load: Callable[..., Models], captioner: ModelKey, drafts: list[Draft], number: float
) -> None:
    models = load(captioner)
    pictures = []
    for draft in drafts:
        fact = Fact(kind="thing", text=" ".join(draft.plan.prompt.split()[:3]))
        plan = dataclasses.replace(draft.plan, facts=(fact,))
        pictures.append(Picture(pixels=draft.preview, plan=plan))
    fields = {field.name: getattr(models[captioner], field.name) for field in dataclasses.fields(Captioner)}
    broken = {captioner: Dazzled(**fields, sees=number)}
    check(JudgeStage(model=captioner), pictures, models, broken, "answers", "pocket/captioner")


def test_an_enlargement_that_cannot_be_judged_fails_too(
    load: Callable[..., Models], refiner: ModelKey, captioner: ModelKey, drafts: list[Draft]
) -> None:
    models = load(refiner, captioner)

    def poison(model: Any) -> None:
        model.encoder.get_parameter(next(name for name, _ in model.encoder.named_parameters())).fill_(torch.nan)

    broken = {**{key: models[key] for key in models}, captioner: with_own(models[captioner], "model", poison)}
    stage = UpscaleStage(model=refiner, captioner=captioner)
    pictures = [Picture(pixels=draft.preview, plan=draft.plan) for draft in drafts[:2]]
    results = run_stage(stage, pictures, memory=DeviceMemory(Given(broken)))
    assert all(isinstance(each, Failed) and "answers" in each.reason for each in results)


# What is known before any row is run


def test_a_codebook_and_latents_of_no_numbers_are_not_loaded(tmp_path: Path) -> None:
    centroids = torch.rand(4, 12)
    PatchCodebook(centroids, patch=2, grid=(1, 1), name="b").save_pretrained(tmp_path / "book")
    PatchCodebook.from_pretrained(tmp_path / "book")
    centroids[1, 1] = torch.nan
    PatchCodebook(centroids, patch=2, grid=(1, 1), name="b").save_pretrained(tmp_path / "book")
    with pytest.raises(CheckpointError, match=r"book/model.safetensors: centroids holds NaN"):
        PatchCodebook.from_pretrained(tmp_path / "book")
    basis = torch.full((12, 2), torch.inf)
    PatchLatents(torch.rand(12), basis, patch=2, residual_scale=1.0).save_pretrained(tmp_path / "latents")
    with pytest.raises(CheckpointError, match=r"latents/model.safetensors: basis holds NaN"):
        PatchLatents.from_pretrained(tmp_path / "latents")


def test_weights_with_a_nan_are_named_as_they_are_loaded(tmp_path: Path, drafter: ModelKey) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    from diptych.engine.models.checkpoint.folder import folder_of

    shutil.copytree(folder_of(drafter.checkpoint), tmp_path / "drafter")
    path = tmp_path / "drafter" / "model.safetensors"
    tensors = load_file(path)
    name = sorted(tensors)[-1]
    tensors[name].flatten()[3] = torch.nan
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="holds NaN: it is damaged: get the file again") as caught:
        Registry().load(dataclasses.replace(drafter, checkpoint=str(tmp_path / "drafter")), "cpu")
    assert name in str(caught.value) and str(path) in str(caught.value)


def test_the_line_says_what_to_do_about_half_precision() -> None:
    whole, half = ModelKey("diffusers", "sd"), ModelKey("diffusers", "sd", "float16")
    assert no_numbers("latents", [whole]).endswith("the weights are damaged: get them again")
    assert no_numbers("latents", [half]) == (
        "sd gave latents that are no numbers (NaN or infinite): the weights are damaged or too large for"
        ' float16: get them again, or set dtype = "float32" in the recipe'
    )
    assert no_numbers("latents", []).startswith("a model gave latents")


@pytest.mark.parametrize("number", [*NOT_FINITE, 1.1, -0.1])
def test_judgements_that_are_no_probabilities_cannot_be_made(number: float) -> None:
    with pytest.raises(AssertionError, match="outside"):
        FactAnswer(fact=Fact(kind="thing", text="a boat"), probability=number)
    with pytest.raises(AssertionError, match="outside"):
        Verdict(caption="", score=number)
    if number in NOT_FINITE or number != number:
        with pytest.raises(AssertionError, match="no number"):
            Verdict(caption="", score=0.5, fit=number)
