"""Image to image, and what all pipelines have in common that start from a picture."""

import PIL.Image
import pytest
import torch

from diptych import InputError, Outcome, TextToImage
from diptych.engine.randomness import derive_seed
from diptych.pipelines.editing.image_to_image import ImageToImage
from diptych.pipelines.editing.sketch import Sketch


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.float() - other.float()).abs().mean())


def test_strength_says_how_much_of_the_picture_is_left(pocket_pipe: TextToImage) -> None:
    boat = pocket_pipe("a big red boat in the middle, at sunset", seed=3).outcomes[0]
    paint = ImageToImage.from_pipe(pocket_pipe)
    prompt = "a big blue boat in the middle, at sunset"
    made = [paint(prompt, image=boat, strength=s, seed=4).outcomes[0] for s in (0.0, 0.4, 1.0)]
    assert torch.equal(made[0].picture.pixels, boat.picture.pixels)
    distances = [apart(each.picture.pixels, boat.picture.pixels) for each in made]
    assert 0 == distances[0] < distances[1] < distances[2]
    assert made[0].plan.prompt != boat.plan.prompt  # the plan is the new prompt's
    fresh = pocket_pipe(prompt, seed=4).outcomes[0]
    assert torch.equal(made[2].picture.pixels, fresh.picture.pixels)


def test_a_small_change_is_made_as_a_whole_or_not_at_all(pocket_pipe: TextToImage) -> None:
    """A third of the boat was green, and the rest red."""
    boats = pocket_pipe(["a big red boat in the middle, at sunset"] * 3, seed=7, num_inference_steps=2).outcomes
    paint = ImageToImage.from_pipe(pocket_pipe)
    prompts = ["a big green boat in the middle, at sunset"] * 2 + ["a big red boat in the middle, at night"]
    requests = [
        paint.request(prompt, image=boat, strength=0.2, seed=5, row=row, num_inference_steps=2)
        for row, (prompt, boat) in enumerate(zip(prompts, boats, strict=True), start=1)
    ]
    *green, night = paint.outcomes(requests)
    for made in green:
        r, g, b = made.picture.pixels.int().unbind(-1)
        red, changed = (
            int(((r > 170) & (g < 80) & (b < 80)).sum()),
            int(((g > 110) & (r < 90) & (b < 110)).sum()),
        )
        assert min(red, changed) < 0.1 * max(red, changed)
    assert night.draft is not None and night.draft.initial_tokens is not None
    assert torch.equal(night.draft.tokens, night.draft.initial_tokens)  # the whole sky is too much
    assert apart(night.picture.pixels, boats[2].picture.pixels) < 5


@pytest.fixture(scope="module")
def city(pocket_pipe: TextToImage) -> Outcome:
    prompt = "a small red boat on the left, in the city, in watercolour"
    return pocket_pipe(prompt, seed=3, num_inference_steps=2).outcomes[0]


@pytest.mark.parametrize("known", [True, False])
def test_what_the_prompt_leaves_open_stays_as_it_is_in_the_picture(
    pocket_pipe: TextToImage, city: Outcome, known: bool
) -> None:
    paint, image = ImageToImage.from_pipe(pocket_pipe), city if known else city.image
    (made,) = paint("a green boat", image=image, strength=0.6, seed=4, num_inference_steps=2).outcomes
    assert made.plan.prompt == "a small green boat on the left, in the city, in watercolour"
    assert {fact.text: fact.asked for fact in made.plan.facts} == {
        "a boat": True,
        "a green boat": True,
        "a small boat": False,
        "a boat on the left": False,
        "in the city": False,
        "in watercolour": False,
        "one thing": False,
    }
    assert "green boat" in made.verdict.caption and "in the city" in made.verdict.caption
    assert made.accepted and made.verdict.score > 0.5


def test_what_leaves_nothing_of_the_picture_is_planned_without_it(
    pocket_pipe: TextToImage, city: Outcome
) -> None:
    paint = ImageToImage.from_pipe(pocket_pipe)
    (made,) = paint("a green boat", image=city, strength=1.0, seed=4, num_inference_steps=1).outcomes
    assert "look" not in made.timings
    assert (
        made.plan.prompt == pocket_pipe("a green boat", seed=4, num_inference_steps=1).outcomes[0].plan.prompt
    )


def test_a_setting_alone_keeps_the_thing(pocket_pipe: TextToImage, city: Outcome) -> None:
    paint = ImageToImage.from_pipe(pocket_pipe)
    (made,) = paint("at night", image=city, seed=4, num_inference_steps=1).outcomes
    assert made.plan.prompt == "a small red boat on the left, at night, in watercolour"
    assert [fact.text for fact in made.plan.asked] == ["at night"]


def test_a_row_that_starts_from_a_picture_is_the_same_alone_and_in_a_batch(city: Outcome) -> None:
    paint = ImageToImage.from_recipe("pocket", device="cpu", deterministic=True)
    boat = city.image
    bird = paint.pipe("a blue bird at night", seed=5, num_inference_steps=1).images[0]
    wishes = {"num_inference_steps": 1, "strength": 0.6}
    rows = [("a green boat", boat), ("a pink cat", bird), ("a bird", bird), ("at sunset", boat)]
    requests = [
        paint.request(text, image=image, seed=row, row=row, **wishes)
        for row, (text, image) in enumerate(rows, start=1)
    ]
    together = paint.outcomes(requests)
    for request, one in zip(requests, together, strict=True):
        (alone,) = paint.outcomes([request])
        assert alone.plan == one.plan
        assert torch.equal(alone.picture.pixels, one.picture.pixels)


def test_a_list_is_a_batch_with_the_loop_and_seeds_of_its_own(pocket_pipe: TextToImage) -> None:
    images = [PIL.Image.new("RGB", (64, 64), colour) for colour in ("orange", "skyblue")]
    paint = Sketch.from_pipe(ImageToImage.from_pipe(pocket_pipe))
    prompts = ["a red boat at sunset", "a bird in a meadow"]
    result = paint(prompts, image=images, seed=5, strength=0.5, candidates=2, keep=1, num_inference_steps=2)
    assert [outcome.request.seed for outcome in result.outcomes] == [derive_seed(5, 1), derive_seed(5, 2)]
    drafted = [[each for each in outcome.trail if each.repairs is None] for outcome in result.outcomes]
    assert [len(each) for each in drafted] == [2, 2]
    start = result.outcomes[1].request.start
    assert start is not None and start.picture is not None and start.picture[0, 0].tolist() == [135, 206, 235]


def test_a_sketch_becomes_the_draft(pocket_pipe: TextToImage) -> None:
    image = PIL.Image.new("RGB", (256, 256), (150, 200, 250))
    image.paste((90, 190, 80), (0, 170, 256, 256))
    wishes = {"strength": 0.0, "num_inference_steps": 2}
    (outcome,) = Sketch.from_pipe(pocket_pipe)("a tree in a meadow", image, **wishes).outcomes
    assert outcome.draft is not None and outcome.draft.initial_tokens is not None
    assert torch.equal(outcome.draft.tokens, outcome.draft.initial_tokens)
    assert len(outcome.draft.tokens[:7].unique()) < 4  # a plain sky
    assert not torch.equal(outcome.picture.pixels, outcome.request.start.picture)  # type: ignore[union-attr]


def test_bad_input_is_refused_in_one_line(pocket_pipe: TextToImage) -> None:
    paint, image = ImageToImage.from_pipe(pocket_pipe), PIL.Image.new("RGB", (64, 64))
    with pytest.raises(InputError, match="strength = 7: must lie between 0 and 1"):
        paint("a boat", image=image, strength=7)
    with pytest.raises(InputError, match="3 pictures for 2 prompts"):
        paint(["a boat", "a bird"], image=[image] * 3)
    with pytest.raises(InputError, match="did you mean 'guidance_scale'"):
        paint("a boat", image=image, guidence_scale=3)  # pyright: ignore[reportCallIssue]
