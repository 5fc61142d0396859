"""What each trainer learns from: batches of the right shape, that depend on seed and step alone, and a loss."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from diptych.engine.models.diffusion.patch_latents import PatchLatents
from diptych.engine.models.vision.patch_codebook import PatchCodebook
from diptych.pipelines.pocket.world import COLOURS, KINDS, STYLES, is_held_out
from diptych.pipelines.training.data.source import (
    ATTRIBUTES,
    DRAFT_SIDE,
    IGNORED,
    PICTURE_SIDE,
    WorldData,
    indices_of,
    scene_of,
    things_in_cells,
)
from diptych.pipelines.training.tasks.captioner import (
    ASKS,
    POINTING_HEADS,
    CaptionerTask,
    _looking_nats,
    _nats,
    _shown,
    normalised,
    seen_at,
)
from diptych.pipelines.training.tasks.drafter import DrafterTask
from diptych.pipelines.training.tasks.inspector import InspectorTask
from diptych.pipelines.training.tasks.planner import PlannerTask
from diptych.pipelines.training.tasks.refiner import FIRST, WINDOW, Drops, RefinerTask, fit_latents, noise_times

Make = Callable[..., Any]


@pytest.fixture(scope="session")
def latents(data: WorldData, book: PatchCodebook) -> PatchLatents:
    return fit_latents(data, book, channels=8, pictures=4, say=lambda _: None)


@pytest.fixture
def make(data: WorldData, book: PatchCodebook, latents: PatchLatents, words: Any) -> Make:
    """Makes the tiny task of a name."""

    def made(name: str, *, seed: int = 0, **options: Any) -> Any:
        match name:
            case "planner":
                return PlannerTask(data, words, hidden_size=32, layers=1, heads=2, seed=seed)
            case "drafter" if options:
                return DrafterTask(data, book, words, hidden_size=48, layers=1, heads=2, seed=seed, **options)
            case "drafter":
                return DrafterTask(data, book, words, hidden_size=48, layers=1, heads=2, seed=seed)
            case "refiner":
                sizes: dict[str, Any] = {"channels": (32, 32), "text_size": 32, "text_layers": 1}
                return RefinerTask(data, book, latents, words, seed=seed, **sizes, **options)
            case "captioner":
                sizes = {"channels": (8, 8, 48), "depths": (1, 1, 1), "text_layers": 1}
                return CaptionerTask(data, book, words, seed=seed, **sizes | options)
            case _:
                return InspectorTask(data, widths=(8, 8), seed=seed)

    return made


SHARPNESS = {
    "previews": {"previews": 1.0, "between": 0.0},
    "between": {"previews": 0.0, "between": 1.0},
    "pictures": {"previews": 0.0, "between": 0.0},
}
NAMES = ("planner", "drafter", "refiner", "captioner", "inspector")


def tensors(batch: Any) -> list[torch.Tensor]:
    return list(batch.values()) if isinstance(batch, dict) else list(batch)


def same(one: Any, other: Any) -> bool:
    pairs = [tuple(map(torch.as_tensor, pair)) for pair in zip(tensors(one), tensors(other), strict=True)]
    return all(a.shape == b.shape and torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_depends_on_seed_and_step_alone(make: Make, name: str) -> None:
    first = make(name, seed=3).batch(7, 4)
    torch.manual_seed(99)
    assert same(first, make(name, seed=3).batch(7, 4))
    assert not same(first, make(name, seed=3).batch(8, 4))
    assert not same(first, make(name, seed=4).batch(7, 4))


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_is_reached_by_the_loss(make: Make, name: str) -> None:
    task = make(name)
    losses = task.loss(task.batch(1, 6))
    assert all(bool(value.isfinite()) for value in losses.values())
    losses["loss"].backward()
    still = [n for n, p in task.model.named_parameters() if p.grad is None]
    assert not still


def test_a_compiled_drafter_learns_the_same(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = list[Any]()

    def noting(function: Any, **_: Any) -> Any:
        compiled.append(function)
        return function

    monkeypatch.setattr(torch, "compile", noting)
    plain, quick = make("drafter"), make("drafter", compiled=True)
    assert compiled == [quick._nats_of]
    batch = plain.batch(3, 4)
    torch.testing.assert_close(quick.loss(batch)["loss"], plain.loss(batch)["loss"])


def test_full_wordings_alone_are_read_where_that_is_asked(make: Make, data: WorldData) -> None:
    task = make("drafter", plain=1.0, drop=0.0)
    indices = indices_of(2, 6, count=data.count, seed=0, what="drafter")
    texts = [task.tokenizer.decode(row, skip_special_tokens=True) for row in task.batch(2, 6)["text"]]
    assert [text.strip() for text in texts] == [data.prompt_of(scene) for scene in data.scenes(indices)]


class PicksNothing(TorchDispatchMode):
    """Refuses what is as long as a mask has places: a GPU is waited for until that is known."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        masks = [i for i in args[1] if i is not None and i.dtype == torch.bool] if "index" in str(func) else []
        assert not masks and "nonzero" not in str(func), func
        return func(*args, **kwargs or {})


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_does_not_ask_how_many_places_a_mask_has(make: Make, name: str) -> None:
    task = make(name)
    batch = task.batch(0, 2)
    with PicksNothing():
        task.loss(batch)


def test_previews_that_were_encoded_in_inference_can_be_trained_on(latents: PatchLatents) -> None:
    """What enlarges them is kept, and what inference mode makes could not be used in training."""
    previews = torch.rand(1, 5, 5, 3) * 255
    with torch.inference_mode():
        seen = latents.encode_previews(previews, 4 * latents.patch, 4 * latents.patch)
    trained = previews.clone().requires_grad_()
    encoded = latents.encode_previews(trained, 4 * latents.patch, 4 * latents.patch)
    encoded.sum().backward()
    assert torch.equal(encoded.detach(), seen) and trained.grad is not None


def test_a_drafters_targets_are_its_inputs_one_later(make: Make, book: PatchCodebook) -> None:
    task = make("drafter")
    batch = task.batch(0, 4)
    (ids, targets), weights = task.rows(batch), batch["weights"]
    count = book.grid[0] * book.grid[1]
    assert targets.shape == weights.shape == (4, count)
    assert torch.equal(targets, book.encode(batch["pixels"]).flatten(1))
    assert torch.equal(ids[:, -count + 1 :], targets[:, :-1] + task.offset)
    assert int(ids.max()) < task.model.config.vocab_size
    assert set(weights.unique().tolist()) == {1.0, 1.0 + task.thing_weight}


def test_a_refiner_batch_adds_up(make: Make, latents: PatchLatents) -> None:
    task = make("refiner")
    for step, share in ((0, 1), (1, WINDOW)):
        rows, side = task.prepared(task.batch(step, 4)), int(share * PICTURE_SIDE / latents.patch)
        assert rows["clean"].shape == rows["noise"].shape == (4, latents.channels, side, side)
        assert rows["condition"].shape == rows["clean"].shape and rows["sigma"].shape == (4,)
        assert bool(((rows["sigma"] >= 0) & (rows["sigma"] <= 1)).all())
        assert bool((rows["weight"] > 0).all())


def test_what_a_refiner_draws_is_the_batchs(make: Make) -> None:
    task = make("refiner")
    first, again, other = (task.prepared(task.batch(step, 4)) for step in (1, 1, 2))
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not torch.equal(first["noise"], other["noise"])


def test_a_refiners_window_shows_the_things_as_the_whole_picture_does(make: Make) -> None:
    """What is to be added to the condition of a window is what that part of the whole picture lacks."""
    task = make("refiner", drops=Drops(tokens=0.0, corrupted_rows=0.0))
    whole = task.data.take(indices_of(1, 6, count=task.data.count, seed=0, what="refiner"), PICTURE_SIDE)
    batch = task.batch(1, 6)
    rows, patch, side = task.prepared(batch), task.latents.patch, batch["cover"].shape[-1]
    latents = task.latents.encode(whole.pixels)
    seen = rows["clean"] * task.latents.residual_scale + rows["condition"]
    for i, (top, left) in enumerate(batch["at"].tolist()):
        torch.testing.assert_close(
            seen[i], latents[i, :, top : top + side, left : left + side], atol=1e-4, rtol=0
        )
        inside = whole.masks[i, patch * top : patch * (top + side), patch * left : patch * (left + side)]
        assert float((inside > 0).float().mean()) > float((whole.masks[i] > 0).float().mean())


@pytest.mark.parametrize(
    ("spread", "mean", "at_pure_noise"),
    [("first", FIRST + (1 - FIRST) / 2, FIRST), ("noisy", 2 / 3, 0), ("even", 0.5, 0), ("middle", 0.5, 0)],
)
def test_noise_levels_are_spread_as_asked(spread: str, mean: float, at_pure_noise: float) -> None:
    times = noise_times(spread, 20_000, torch.Generator().manual_seed(0))
    assert float(times.min()) >= 0 and float(times.max()) <= 1
    assert float(times.mean()) == pytest.approx(mean, abs=0.01)
    assert float((times == 1).float().mean()) == pytest.approx(at_pure_noise, abs=0.01)


def test_a_refiners_error_is_the_pixels_or_the_latents(make: Make) -> None:
    """Of a net that says nothing: the mean of what there was to say, or of its square, over sigma to match."""
    losses = {}
    for error in ("absolute", "squared"):
        task = make("refiner", error=error)
        torch.nn.init.zeros_(task.model["unet"].conv_out.weight)
        torch.nn.init.zeros_(task.model["unet"].conv_out.bias)
        batch = task.batch(1, 4)
        rows = task.prepared(batch)
        rows["sigma"] = torch.full((4,), 0.5)
        rows["weight"] = torch.ones_like(rows["weight"])
        losses[error] = float(task.error_of(rows, batch["text"])["loss"].detach())
        clean = rows["clean"]
    pixels = torch.einsum("bchw,pc->bphw", clean, task.latents.basis)
    assert losses["absolute"] == pytest.approx(float(pixels.abs().mean() / 0.5), rel=1e-4)
    assert losses["squared"] == pytest.approx(float(clean.square().mean() / 0.25), rel=1e-4)


def test_patches_are_told_what_they_show_and_in_which_style(data: WorldData) -> None:
    batch = data.take(range(12), PICTURE_SIDE)
    labels, cells = data.patch_labels(batch, 8), things_in_cells(batch.masks, 8).flatten(1)
    assert labels.shape == (12, 64, len(data.patch_classes))
    for column, classes in zip(labels.unbind(2), data.patch_classes, strict=True):
        assert int(column.max()) < classes
    for scene, rows, where in zip(batch.scenes, labels, cells, strict=True):
        assert set(rows[:, -1].tolist()) == {1 + STYLES.index(scene.style)}
        for i, thing in enumerate(scene.things, 1):
            assert set(rows[where == i, 0].tolist()) <= {1 + KINDS.index(thing.kind)}
        assert not rows[where == 0, 0].any()


def test_words_are_known_to_name_what_they_name(make: Make, words: Any) -> None:
    task = make("captioner")
    said = words.encode("<s><ask>scarlet kittens above a blue butterfly<answer>", add_special_tokens=False)
    kind, colour = list(ATTRIBUTES).index("kind"), list(ATTRIBUTES).index("colour")
    labels = {
        "scarlet": (colour, 1 + list(COLOURS).index("red")),
        "kittens": (kind, 1 + KINDS.index("cat")),
        "blue": (colour, 1 + list(COLOURS).index("blue")),
        "butterfly": (kind, 1 + KINDS.index("butterfly")),
    }
    named = [tuple(each) for each in task._named(torch.tensor([said]))[0].tolist()]
    told = [each for each in named if each != (IGNORED, IGNORED)]
    assert told == [*labels.values(), labels["butterfly"]] and named[-1] == told[-1]  # again where it ends


def test_heads_are_told_to_look_at_what_is_named() -> None:
    patches = torch.tensor([[[1, 5], [2, 5], [2, 6], [0, 0]]])  # of four patches: kind, colour
    names = torch.tensor([[[IGNORED, IGNORED], [0, 2], [1, 5], [0, 9]]])
    shown = _shown(patches, names)
    assert shown[0].long().tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
    there = (shown.float() / shown.sum(-1, keepdim=True).clamp_min(1))[:, None].repeat(1, 3, 1, 1)
    even = torch.full((1, 3, 4, 4), 0.25)
    assert _looking_nats((there,), shown) == 0
    torch.testing.assert_close(_looking_nats((even, there), shown), torch.tensor(math.log(2) / 2))
    elsewhere = torch.cat([there[:, :POINTING_HEADS], 1 - there[:, POINTING_HEADS:]], 1)
    assert _looking_nats((elsewhere,), shown) == 0  # the other heads may look where they like
    assert _looking_nats((even,), torch.zeros_like(shown)) == 0


def test_a_captioner_sees_previews_pictures_and_what_lies_between(make: Make, book: PatchCodebook) -> None:
    tasks = {name: make("captioner", blank=0.0, **shares) for name, shares in SHARPNESS.items()}
    seen = {name: task.pixels(task.batch(5, 3)) for name, task in tasks.items()}
    data = tasks["pictures"].data
    whole = data.take(indices_of(5, 3, count=data.count, seed=0, what="captioner"), PICTURE_SIDE)
    assert torch.equal(seen["pictures"], normalised(seen_at(whole.pixels)))
    previews = book.decode(book.encode(whole.smaller(DRAFT_SIDE).pixels))
    low, high = seen["previews"], seen["pictures"]
    apart = (low - normalised(seen_at(previews))).abs() * 127.5  # of 255; Pillow clips between two passes
    assert float(apart.max()) < 8 and float((apart > 1.01).float().mean()) < 1e-3
    shares = (seen["between"] - low).flatten(1).norm(dim=1) / (high - low).flatten(1).norm(dim=1)
    assert bool(((shares > 0.09) & (shares < 0.91)).all())


def test_a_captioner_is_not_told_where_to_look_in_no_picture(make: Make) -> None:
    for blank, told in ((0.0, True), (1.0, False)):
        task = make("captioner", blank=blank)
        assert bool(task.loss(task.batch(0, 4))["look"] > 0) == told


def test_shares_of_what_a_captioner_sees_are_shares(make: Make) -> None:
    with pytest.raises(ValueError, match=r"previews = 0\.8, between = 0\.3: must be at most 1 together"):
        make("captioner", previews=0.8, between=0.3)


def test_a_captioner_has_three_stages(make: Make) -> None:
    with pytest.raises(ValueError, match="must be three each"):
        make("captioner", depths=(1, 1))


def test_a_captioner_is_asked_about_true_and_false_facts(make: Make, words: Any) -> None:
    task = make("captioner", blank=0.0)
    batch = task.batch(0, 4)
    no, yes = task.answers
    assert [words.decode([i]).strip() for i in (no, yes)] == ["no", "yes"]
    answered = batch["ask_labels"][batch["ask_labels"] != IGNORED]
    assert len(answered) == len(batch["ask_ids"])
    assert sorted(set(answered.tolist())) == sorted((no, yes))
    assert int((answered == yes).sum()) == int((answered == no).sum())
    for row, label in zip(batch["ask_ids"], batch["ask_labels"], strict=True):
        place = int((label != IGNORED).nonzero())
        assert words.decode([row[place]]) == "<answer>"  # the answer is foreseen where the question ends
    pixels = task.pixels(batch)
    assert pixels.shape == (4, 3, 128, 128) and float(pixels.abs().max()) <= 1


def test_what_is_asked_of_a_picture_is_read_as_if_alone(make: Make) -> None:
    task = make("captioner", blank=0.0)
    batch = task.batch(0, 3)
    seen = torch.randn(3, 64, 48, generator=torch.Generator().manual_seed(0))
    alone = task._read(batch["ask_ids"], seen.repeat_interleave(2 * ASKS, 0)).logits
    together = task._answered(batch["ask_ids"], seen).logits
    torch.testing.assert_close(together.view(alone.shape), alone)


def test_a_captioner_learns_to_say_the_true_facts_that_it_is_asked_about(make: Make) -> None:
    task = make("captioner", blank=0.0)
    batch = task.batch(0, 4)
    for ids, answers, wanted in zip(batch["ask_ids"], batch["ask_labels"], batch["fact_labels"], strict=True):
        places = (wanted != IGNORED).nonzero()[:, 0]
        true = int(answers.max()) == task.answers[1]
        assert len(places) == (int((answers != IGNORED).nonzero()) - 1 if true else 0)
        assert torch.equal(ids[places + 1], wanted[places])


def test_a_captions_labels_are_its_own_next_words(make: Make) -> None:
    batch = make("captioner").batch(0, 4)
    for ids, wanted in zip(batch["caption_ids"], batch["caption_labels"], strict=True):
        places = (wanted != IGNORED).nonzero()[:, 0]
        assert torch.equal(ids[places + 1], wanted[places])


def test_a_blank_picture_is_asked_nothing(make: Make) -> None:
    task = make("captioner", blank=1.0)
    batch = task.batch(0, 3)
    assert bool((task.pixels(batch) == 0).all()) and bool((batch["ask_labels"] == IGNORED).all())
    losses = {name: float(value.detach()) for name, value in task.loss(batch).items()}
    assert losses["ask"] == losses["patch"] == 0 and math.isfinite(losses["loss"])


@pytest.mark.parametrize("weight", [None, torch.tensor([0.2, 1.0, 3.0])])
def test_a_captioners_losses_are_means_of_what_is_asked(weight: torch.Tensor | None) -> None:
    logits = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[0, 1, IGNORED, 2], [IGNORED, IGNORED, 0, 0]])
    mean = torch.nn.functional.cross_entropy(logits.mT, labels, weight=weight, ignore_index=IGNORED)
    torch.testing.assert_close(_nats(logits, labels, weight), mean)


def test_training_never_draws_a_held_out_combination() -> None:
    for split, expected in (("train", False), ("held-out", True)):
        scenes = [scene_of(split, i) for i in range(200)]
        assert {is_held_out(t.kind, t.colour, s.setting) for s in scenes for t in s.things} == {expected}


def test_steps_draw_scenes_from_the_whole_count() -> None:
    drawn = [indices_of(step, 50, count=100, seed=0, what="x") for step in range(20)]
    assert {int(i) for part in drawn for i in part} == set(range(100))


def test_pictures_of_a_batch_are_its_scenes(data: WorldData) -> None:
    one, two = data.take([5], 48), data.take([4, 5], 48)
    assert torch.equal(one.pixels[0], two.pixels[1]) and one.scenes[0] == two.scenes[1]
    assert one.scenes[0] == scene_of("train", 5)
    assert one.masks.shape == (1, 48, 48)
