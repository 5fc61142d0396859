"""Drafts of plans with a sketch: each token is drawn after what the sketch shows of its place."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch

from diptych.engine.errors import InputError
from diptych.engine.models.language import causal_lm
from diptych.engine.models.language.decoding import ways
from diptych.engine.models.language.decoding.lean import LeanDecoding
from diptych.engine.models.vision.readers.sketch_reader import SketchReader, tokens_of
from diptych.engine.stage import ModelKey, Models, RunContext
from diptych.engine.stages.drafting.draft import DraftStage
from diptych.engine.stages.painting.shown_sketch import before, conditions_of, laid_again, shown_to
from diptych.engine.values import Plan, Sketch

SAMPLING = {"temperature": 0.7, "top_k": 64, "top_p": 0.95}  # the pocket recipe's
READER: ModelKey[SketchReader] = ModelKey("sketch-reader", "pocket/sketch_reader")


def with_sketch(plan: Plan, colour: tuple[int, int, int] = (230, 30, 160)) -> Plan:
    """A square of one colour in the middle, six cells wide."""
    pixels = torch.zeros(256, 256, 4, dtype=torch.uint8)
    pixels[80:176, 80:176] = torch.tensor([*colour, 255], dtype=torch.uint8)
    return dataclasses.replace(plan, sketch=Sketch(pixels=pixels, wording="a thing, in a meadow, as a sticker"))


@pytest.fixture(scope="module")
def models(load: Callable[..., Models], drafter: ModelKey, codebook: ModelKey, refiner: ModelKey) -> Models:
    return load(drafter, codebook, READER, refiner)


@pytest.fixture(scope="module")
def stage(drafter: ModelKey, codebook: ModelKey) -> DraftStage:
    return DraftStage(model=drafter, codebook=codebook, reader=READER)


@pytest.fixture(scope="module")
def plans(make_plan: Callable[..., Plan]) -> list[Plan]:
    """With a sketch, without, with another."""
    first, second, third = (make_plan(seed=seed, **SAMPLING) for seed in range(3))
    return [with_sketch(first), second, with_sketch(third, (20, 200, 220))]


def test_a_drafter_with_a_reader_drafts_plans_without_a_sketch_bit_for_bit_as_before(
    stage: DraftStage, models: Models, drafter: ModelKey, codebook: ModelKey, plans: list[Plan]
) -> None:
    (now,) = stage.run([plans[1]], models, RunContext())
    (before,) = DraftStage(model=drafter, codebook=codebook).run([plans[1]], models, RunContext())
    assert torch.equal(now.tokens, before.tokens)


def test_rows_with_and_without_a_sketch_are_the_same_alone_and_in_a_batch(
    stage: DraftStage, models: Models, plans: list[Plan]
) -> None:
    together = stage.run(plans, models, RunContext())
    alone = [stage.run([plan], models, RunContext())[0] for plan in plans]
    assert [torch.equal(one.tokens, other.tokens) for one, other in zip(together, alone, strict=True)] == [
        True
    ] * 3


def test_what_the_sketch_shows_is_drafted(
    stage: DraftStage, models: Models, codebook: ModelKey, plans: list[Plan]
) -> None:
    book = models[codebook]
    for plan in (plans[0], plans[2]):
        assert plan.sketch is not None
        (draft,) = stage.run([plan], models, RunContext())
        light, _, opacity = tokens_of(plan.sketch.pixels[None], book)
        wanted = book.decode(light.reshape(1, *book.grid))[0].float()  # as near as the codebook comes to it
        there = (opacity == 1).reshape(1, 1, *book.grid).float()
        there = torch.nn.functional.interpolate(there, scale_factor=float(book.patch))[0, 0] > 0
        assert (draft.preview.float() - wanted)[there].abs().mean() < 25


@pytest.mark.parametrize("guided", [False, True])
def test_machine_code_lean_layers_and_the_library_agree(
    models: Models, drafter: ModelKey, codebook: ModelKey, plans: list[Plan], monkeypatch: Any, guided: bool
) -> None:
    model, book, reader = models[drafter], models[codebook], models[READER]
    embeddings = model.model.get_input_embeddings().weight[model.legal]
    assert plans[0].sketch is not None
    shown = reader.read(plans[0].sketch.pixels[None], book, embeddings)
    g = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, book.codebook.size, (1, 20), generator=g)

    def logits() -> torch.Tensor:
        decoding = model.begin(["a thing"], guided=guided, shown=shown)
        rows = tokens.repeat(2, 1) if guided else tokens
        first = decoding.logits.clone()
        return torch.cat([first[:, None], *(decoding.step(rows[:, i])[:, None].clone() for i in range(20))], 1)

    native = logits()
    monkeypatch.setattr(ways, "is_native", lambda model: False)
    assert isinstance(model.begin(["a thing"], guided=guided, shown=shown), LeanDecoding)
    torch.testing.assert_close(native, logits(), atol=2e-3, rtol=1e-3)
    text = causal_lm.text_ids(model.tokenizer, "a thing", model.text_length)
    ids = torch.tensor([[*text, model.start, *(tokens[0] + model.offset).tolist()]])
    entries = model.model.get_input_embeddings()(ids)
    entries[:, len(text) :] += shown[:, :21]
    whole = model.model(inputs_embeds=entries).logits[:, len(text) :, model.legal]
    torch.testing.assert_close(native[:1], whole, atol=2e-3, rtol=1e-3)


def test_a_reader_of_another_codebook_is_refused(
    stage: DraftStage, models: Models, plans: list[Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models[READER], "codebook", "another")
    with pytest.raises(InputError, match=r"reads sketches as another on .*: name a matching pair"):
        stage.run([plans[0]], models, RunContext())


def test_an_opaque_place_is_the_same_token_on_both_grounds_and_a_clear_one_is_told_apart(
    models: Models, codebook: ModelKey, plans: list[Plan]
) -> None:
    assert plans[0].sketch is not None
    light, dark, opacity = tokens_of(plans[0].sketch.pixels[None], models[codebook])
    assert torch.equal(light[opacity == 1], dark[opacity == 1]) and int((opacity == 1).sum()) == 36
    assert bool((light[opacity == 0] != dark[opacity == 0]).all())


def test_a_refiner_is_shown_the_sketch_as_sharp_as_it_is(
    stage: DraftStage, models: Models, refiner: ModelKey, plans: list[Plan]
) -> None:
    drafts, model = stage.run(plans[:2], models, RunContext()), models[refiner]
    both = conditions_of(shown_to(drafts, 256, 256), model, 256, 256)
    plain = model.encode_previews(torch.stack([draft.preview for draft in drafts]), 256, 256)
    torch.testing.assert_close(both[1], plain[1])
    pixels = model.latents.decode(both[:1])[0]
    assert (pixels[80:176, 80:176].float() - torch.tensor([230.0, 30, 160])).abs().max() <= 1
    assert not torch.equal(both[0], plain[0])


def test_round_a_thing_the_ground_goes_on_as_it_is_beside_it(plans: list[Plan]) -> None:
    sketch = plans[0].sketch
    assert sketch is not None
    preview = torch.full((64, 64, 3), 200, dtype=torch.uint8)
    preview[32:] = 90
    smeared = preview.clone()
    smeared[20:44, 20:44] = 0  # the tokens of the thing
    found = before(smeared, sketch, 256, 256, grid=(16, 16))
    assert torch.equal(found, before(preview, sketch, 256, 256, grid=(16, 16)))
    assert int(found[70, 128, 0]) == 200 and int(found[186, 128, 0]) == 90


def test_a_thing_is_what_it_was_and_far_from_it_all_is_as_it_was_painted(
    stage: DraftStage, models: Models, plans: list[Plan]
) -> None:
    drafts = stage.run(plans[:2], models, RunContext())
    painted = torch.randint(0, 256, (2, 256, 256, 3), dtype=torch.uint8)
    found = laid_again(painted, shown_to(drafts, 256, 256), drafts)
    thing = torch.tensor([230, 30, 160], dtype=torch.uint8)
    assert bool((found[0, 80:176, 80:176] == thing).all())
    assert torch.equal(found[0, :60], painted[0, :60]) and torch.equal(found[0, :, 200:], painted[0, :, 200:])
    assert torch.equal(found[1], painted[1])
