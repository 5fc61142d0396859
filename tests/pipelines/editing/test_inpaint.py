"""Inpaint and Edit: what is named changes, and nothing else."""

import dataclasses
import re
import shutil
from pathlib import Path

import PIL.Image
import pytest
import torch

from diptych import DiptychError, InputError, Outcome, TextToImage
from diptych.engine.microbatch import Done
from diptych.engine.models.checkpoint.folder import folder_of
from diptych.engine.values import Plan, Request
from diptych.engine.values.fact import Fact, Span
from diptych.pipelines.editing import edit as edit_module
from diptych.pipelines.editing.edit import Edit
from diptych.pipelines.editing.inpaint import Inpaint
from diptych.pipelines.editing.replacing import replacing

STEPS = 2


@pytest.fixture(scope="module")
def boat(pocket_pipe: TextToImage) -> Outcome:
    return pocket_pipe("a red boat on the left, at sunset", seed=7, num_inference_steps=STEPS).outcomes[0]


def changed_pixels(made: Outcome, before: Outcome) -> torch.Tensor:
    return (made.picture.pixels != before.picture.pixels).any(-1)


def test_a_named_thing_is_drawn_anew_and_nothing_else(pocket_pipe: TextToImage, boat: Outcome) -> None:
    paint = Inpaint.from_pipe(pocket_pipe)
    wish = "a blue cat on the left, at sunset"
    (made,) = paint(wish, image=boat, mask_image="boat", seed=1, num_inference_steps=STEPS).outcomes
    assert made.request.start is not None and made.request.start.mask is not None
    mask, changed = made.request.start.mask, changed_pixels(made, boat)
    assert not changed[~mask].any()
    assert changed[mask].float().mean() > 0.5
    assert 0.05 < mask.float().mean() < 0.5
    columns = mask.any(0).nonzero()
    assert columns.float().mean() < 128  # on the left


def test_a_thing_that_nobody_knows_is_refused_and_not_replaced(pocket_pipe: TextToImage, boat: Outcome) -> None:
    """A turtle came in the place of the dog, as the sunset was known."""
    with pytest.raises(DiptychError, match="'a green dog' names nothing that this planner knows"):
        Inpaint.from_pipe(pocket_pipe)("a green dog", boat, "boat", num_inference_steps=STEPS)


def test_a_thing_in_the_place_of_another_stands_where_it_stood(pocket_pipe: TextToImage, boat: Outcome) -> None:
    paint = Inpaint.from_pipe(pocket_pipe)
    (made,) = paint("a blue cat", image=boat, mask_image="boat", seed=1, num_inference_steps=STEPS).outcomes
    assert made.plan.prompt == "a blue cat on the left, at sunset"
    assert [fact.text for fact in made.plan.asked] == ["a cat", "a blue cat"]


def test_what_comes_in_the_place_of_one_of_two_things_leaves_the_other(pocket_pipe: TextToImage) -> None:
    paint = Inpaint.from_pipe(pocket_pipe)
    before = pocket_pipe("a red boat beside a blue house", seed=3).outcomes[0]
    for image in (before, before.image):
        (made,) = paint("a furry green turtle", image=image, mask_image="boat", seed=1).outcomes
        assert re.match(r"a green turtle .*blue house", made.plan.prompt)
        assert [fact.text for fact in made.plan.asked] == ["a turtle", "a green turtle"]
        assert {"a house", "a blue house"} <= {fact.text for fact in made.plan.facts}
        assert [str(span) for span in made.left_out] == ["furry"] and made.left_out[0].has_place
        assert made.verdict.score > 0.5, made.verdict.caption
        assert re.search("turtle.*house|house.*turtle", made.verdict.caption)


@pytest.mark.parametrize("prompt", ["a green turtle at night", "a house", "two cats", "a turtle and a house"])
def test_a_prompt_that_says_more_is_that_of_the_whole(pocket_pipe: TextToImage, prompt: str) -> None:
    paint = Inpaint.from_pipe(pocket_pipe)
    assert replacing(paint, "a red boat beside a blue house, at sunset", "boat", prompt) is None
    assert replacing(paint, "a red boat, at sunset", "boat", "a green turtle") is None


@pytest.mark.parametrize("name", ["dragon", "horse", "sail", "the boat's sail", "sky", "xyz"])
def test_what_no_model_knows_is_never_found(pocket_pipe: TextToImage, boat: Outcome, name: str) -> None:
    message = f"no {name!r} was found in the picture, which shows 'a.*boat.*': name something in it .cat, fish"
    with pytest.raises(InputError, match=re.escape(message).replace(r"\.\*", ".*").replace(r"\.", ".")):
        Inpaint.from_pipe(pocket_pipe).request("a cat", image=boat.image, mask_image=name)


def test_a_box_and_its_picture_are_the_same_mask(pocket_pipe: TextToImage, boat: Outcome) -> None:
    paint = Inpaint.from_pipe(pocket_pipe)
    drawn = PIL.Image.new("L", (256, 256))
    drawn.paste(255, (100, 40, 200, 140))
    requests = [paint.request("a boat", image=boat, mask_image=mask) for mask in (drawn, (100, 40, 200, 140))]
    assert requests[0] == requests[1]


def test_names_and_masks_that_do_not_fit_are_refused(pocket_pipe: TextToImage, boat: Outcome) -> None:
    paint = Inpaint.from_pipe(pocket_pipe)
    with pytest.raises(InputError, match=r"no 'zebra' was found in the picture, which shows 'a.* red boat"):
        paint("a cat", image=boat, mask_image="zebra")
    with pytest.raises(InputError, match="the mask is 99x99 pixels, the picture 256x256"):
        paint("a cat", image=boat, mask_image=PIL.Image.new("L", (99, 99), 255))
    with pytest.raises(InputError, match=r"nowhere\.png: no such file"):
        paint("a cat", image=boat, mask_image="nowhere.png")
    with pytest.raises(InputError, match="strength = 7"):
        paint("a cat", image=boat, mask_image=(0, 0, 9, 9), strength=7)


def test_an_instruction_changes_the_thing_alone(pocket_pipe: TextToImage, boat: Outcome) -> None:
    edit = Edit.from_pipe(pocket_pipe)
    (made,) = edit("make the boat green", image=boat, seed=1, num_inference_steps=STEPS).outcomes
    assert made.plan.prompt == boat.plan.prompt.replace("red", "green")
    assert made.request.start is not None and made.request.start.mask is not None
    changed = changed_pixels(made, boat)
    assert changed.any() and not changed[~made.request.start.mask].any()


def test_what_an_instruction_changes_is_asked_and_the_rest_is_as_it_was(
    pocket_pipe: TextToImage, boat: Outcome
) -> None:
    edit = Edit.from_pipe(pocket_pipe)
    (made,) = edit("make the boat green and furry", image=boat, seed=1, num_inference_steps=STEPS).outcomes
    before = {fact.text.replace("red", "green"): fact.asked for fact in boat.plan.facts}
    assert {fact.text: fact.asked for fact in made.plan.facts} == before and before["a green boat"]
    assert not before["one thing"]
    assert [str(span) for span in made.left_out] == ["furry"] and not made.accepted
    assert "not drawn: furry" in made.best.reason


def test_what_the_captioner_says_of_a_picture_is_not_asked_but_for_what_changes(
    pocket_pipe: TextToImage, boat: Outcome
) -> None:
    edit = Edit.from_pipe(pocket_pipe)
    request = edit.request("make the boat green", image=boat.image)
    assert request.start is not None and request.start.wording is not None
    facts = {fact.text: fact.asked for fact in request.start.wording.facts}
    assert facts["a green boat"] and not facts["a boat"] and not facts["at sunset"]
    said = edit.request("make the boat green", image=boat.image, shows="a red boat, at sunset").start
    assert said is not None and said.wording is not None
    assert all(fact.asked and fact.span is None for fact in said.wording.facts)


def test_another_setting_keeps_what_is_as_likely_in_it(pocket_pipe: TextToImage, boat: Outcome) -> None:
    edit = Edit.from_pipe(pocket_pipe)
    (made,) = edit("at night", image=boat, seed=1, num_inference_steps=STEPS).outcomes
    assert made.plan.prompt == boat.plan.prompt.replace("at sunset", "at night")
    assert made.draft is not None and boat.draft is not None
    kept = made.draft.tokens == boat.draft.tokens
    assert kept.any() and not kept[:2].any()  # not the sky


def test_an_instruction_that_means_nothing_is_refused(pocket_pipe: TextToImage, boat: Outcome) -> None:
    with pytest.raises(InputError, match="'make the zebra red' changes nothing that is understood in"):
        Edit.from_pipe(pocket_pipe)("make the zebra red", image=boat)


def test_a_picture_from_elsewhere_is_captioned_first(pocket_pipe: TextToImage, boat: Outcome) -> None:
    edit = Edit.from_pipe(pocket_pipe)
    request = edit.request("make the boat green", image=boat.image, shows="a red boat, at sunset")
    assert request.prompt == "a green boat, at sunset"
    with pytest.raises(InputError, match=r"understood in '.+'"):
        edit.request("frobnicate", image=boat.image)


def test_a_planner_of_any_words_is_asked_what_no_rule_understands(
    pocket_pipe: TextToImage, boat: Outcome, tmp_path: Path
) -> None:
    """Here the pocket planner, which is not told that it knows a few words only."""
    plan = pocket_pipe.recipe.stages["plan"]
    shutil.copytree(folder_of(plan.model.checkpoint), tmp_path / "planner")
    (tmp_path / "planner" / "vocabulary.json").unlink()
    model = dataclasses.replace(plan.model, checkpoint=str(tmp_path / "planner"))
    stages = {**pocket_pipe.recipe.stages, "plan": dataclasses.replace(plan, model=model)}
    pipe = TextToImage(pocket_pipe.runner, dataclasses.replace(pocket_pipe.recipe, stages=stages))
    request = Edit.from_pipe(pipe).request("a green tree behind it", image=boat)
    assert request.start is not None and request.start.wording is not None
    assert request.start.former == boat.plan.prompt
    assert request.prompt == request.start.wording.prompt and request.start.wording.facts


def test_a_planner_of_words_alone_is_asked_nothing(
    pocket_pipe: TextToImage, boat: Outcome, tmp_path: Path
) -> None:
    plan = pocket_pipe.recipe.stages["plan"]
    (tmp_path / "words.json").write_text('{"words": ["boat"]}')
    model = dataclasses.replace(plan.model, checkpoint=str(tmp_path))
    stages = {**pocket_pipe.recipe.stages, "plan": dataclasses.replace(plan, model=model)}
    pipe = TextToImage(pocket_pipe.runner, dataclasses.replace(pocket_pipe.recipe, stages=stages))
    with pytest.raises(InputError, match="changes nothing that is understood"):
        Edit.from_pipe(pipe).request("a green tree behind it", image=boat)


def test_what_was_left_out_of_a_picture_is_left_out_of_the_changed_one(
    pocket_pipe: TextToImage, boat: Outcome
) -> None:
    edit, hat = Edit.from_pipe(pocket_pipe), "a red boat wearing a hat"
    plan = dataclasses.replace(
        boat.plan,
        request=dataclasses.replace(boat.request, prompt=hat),
        facts=tuple(dataclasses.replace(fact, span=None) for fact in boat.plan.facts),
        left_out=(Span.of(hat, 11, 18), Span.of(hat, 21, 24)),
    )
    wanting = dataclasses.replace(boat, best=dataclasses.replace(boat.best, plan=plan))
    (made,) = edit("make the boat green", image=wanting, seed=1, num_inference_steps=STEPS).outcomes
    assert [str(span) for span in made.left_out] == ["wearing", "hat"] and not made.accepted
    said = edit.request("make the boat green", image=boat.image, shows=hat).start
    assert said is not None and said.wording is not None
    assert [str(span) for span in said.wording.left_out] == ["wearing", "hat"]


def test_what_was_left_out_is_not_drawn_beside_a_change(pocket_pipe: TextToImage, boat: Outcome) -> None:
    shows = "a red boat and a blue hat at sunset"
    said = Edit.from_pipe(pocket_pipe).request("make the boat green", image=boat.image, shows=shows).start
    assert said is not None and said.wording is not None
    assert said.wording.prompt == "a green boat, at sunset"
    assert [str(span) for span in said.wording.left_out] == ["blue hat"]


def test_of_a_planners_facts_those_that_quote_the_change_are_asked(
    pocket_pipe: TextToImage, boat: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    instruction = "put a zebra with a hat behind it"
    prompts: list[str] = []

    def done(self: Edit, stage: object, values: list[Request], watch: object = None) -> list[Done]:
        (request,) = values
        prompts.append(request.prompt)

        def quote(text: str) -> Span:
            return Span.of(request.prompt, at := request.prompt.rindex(text), at + len(text))

        facts = (
            Fact(kind="thing", text="a boat", span=quote("boat")),
            Fact(kind="other", text="calm water", span=quote("sunset")),
            Fact(kind="thing", text="a zebra", span=quote("a zebra")),
            Fact(kind="setting", text="a beach", asked=False),
        )
        plan = Plan(request=request, prompt="a red boat and a zebra", facts=facts, left_out=(quote("hat"),))
        return [Done(plan, 0.0)]

    monkeypatch.setattr(edit_module, "planner_vocabulary", lambda recipe: None)
    monkeypatch.setattr(Edit, "done", done)
    start = Edit.from_pipe(pocket_pipe).request(instruction, image=boat).start
    assert start is not None and start.wording is not None
    assert prompts == [f"Description: {boat.plan.prompt}\nChange: {instruction}"]
    assert {fact.text: fact.asked for fact in start.wording.facts} == {
        "a boat": True,  # it was before
        "calm water": False,
        "a zebra": True,
        "a beach": False,
    }
    assert all(fact.span is None for fact in start.wording.facts)
    assert [str(span) for span in start.wording.left_out] == ["hat behind"]


def test_a_recipe_that_paints_from_words_alone_is_refused(pocket_pipe: TextToImage) -> None:
    recipe = dataclasses.replace(pocket_pipe.recipe, stages={"paint": pocket_pipe.recipe.stages["refine"]})
    with pytest.raises(InputError, match="paints from words alone: choose one with a stage refine or repaint"):
        Inpaint.from_pipe(TextToImage(pocket_pipe.runner, recipe))
