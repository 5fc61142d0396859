"""`diptych train memory`: a folder of pictures with names becomes what plans are drawn from."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from diptych import PictureJudge, TextToImage
from diptych.engine.errors import InputError
from diptych.engine.values import Failure, Outcome
from diptych.pipelines.training.data.art_data import ArtSource
from diptych.pipelines.training.run import run_training

GOBLIN, LAMP = (20, 150, 60), (230, 120, 20)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two pictures that nobody has drawn before."""
    folder = tmp_path_factory.mktemp("own") / "sprites"
    folder.mkdir()
    for name, colour, box in (("goblin", GOBLIN, (30, 8, 98, 120)), ("lava-lamp", LAMP, (44, 8, 84, 120))):
        picture = Image.new("RGBA", (128, 128))
        ImageDraw.Draw(picture).rounded_rectangle(box, 12, fill=(*colour, 255))
        picture.save(folder / f"{name}.png")
    (folder / "tags.csv").write_text("name,de,fr\ngoblin,Kobold,gobelin\n")
    out = tmp_path_factory.mktemp("made")
    assert run_training("memory", out, art=ArtSource(folders=(folder,)))
    return out / "recipe.toml"


@pytest.fixture(scope="module")
def pipe(recipe: Path) -> TextToImage:
    return TextToImage.from_recipe(str(recipe))


def made(pipe: TextToImage, *prompts: str) -> list[Outcome]:
    results = pipe.run([pipe.request(prompt, row=i) for i, prompt in enumerate(prompts, 1)])
    return [each for each in results if isinstance(each, Outcome)]


def seen(outcome: Outcome, colour: tuple[int, int, int]) -> np.ndarray:
    """Where the picture has about this colour, bool (h, w)."""
    return np.abs(np.asarray(outcome.image).astype(int) - colour).max(2) < 50


def test_things_that_no_model_was_trained_on_are_drawn_where_they_are_asked_for(pipe: TextToImage) -> None:
    (outcome,) = made(pipe, "a goblin on the left and a lava lamp on the right, in the snow")
    goblin, lamp = (np.flatnonzero(seen(outcome, colour).any(0)) for colour in (GOBLIN, LAMP))
    assert seen(outcome, GOBLIN).sum() > 3000 and seen(outcome, LAMP).sum() > 1500
    assert goblin.mean() < 128 < lamp.mean()
    assert outcome.plan.sketch is not None


def test_words_of_other_languages_name_them_too(pipe: TextToImage) -> None:
    german, french = made(pipe, "ein Kobold im Schnee", "un gobelin dans la neige")
    for outcome in (german, french):
        assert seen(outcome, GOBLIN).sum() > 3000 and "goblin" in outcome.plan.prompt
        assert not outcome.plan.left_out


def test_what_the_memory_does_not_know_is_refused_by_name(pipe: TextToImage) -> None:
    (failure,) = pipe.run([pipe.request("a wardrobe")])
    assert isinstance(failure, Failure) and "names nothing that this planner knows" in failure.reason


def test_the_drafter_is_shown_what_it_cannot_know(pipe: TextToImage) -> None:
    """Its own tokens, before any painting, have the thing."""
    (outcome,) = made(pipe, "a big goblin in the middle, in the snow")
    assert outcome.draft is not None
    preview = outcome.draft.preview.numpy().astype(int)
    assert (np.abs(preview - GOBLIN).max(2) < 60).sum() > 250


def test_what_is_drawn_is_judged_by_pictures_of_it(pipe: TextToImage, recipe: Path) -> None:
    """Of things that no model was trained on: seen where they are shown, and missed where others are."""
    goblin, lamp = made(pipe, "a goblin in the snow", "a lava lamp in the snow")
    judge = PictureJudge.from_recipe(str(recipe))
    for outcome, kind, other in ((goblin, "goblin", "lava lamp"), (lamp, "lava lamp", "goblin")):
        assert outcome.verdict is not None and kind in outcome.verdict.caption
        assert all(answer.shown for answer in outcome.verdict.answers if answer.fact.asked)
        assert judge.score(outcome.image, f"a {kind}").score > judge.score(outcome.image, f"a {other}").score


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"data": "art"}, "is made of drawings: name them with --art, --from or --folder, not --data"),
        ({"steps": 3}, "has no use for --steps"),
        ({"art": ArtSource(folders=(Path("nowhere"),))}, "nowhere: cannot be read"),
    ],
)
def test_what_does_not_go_with_it_is_refused(tmp_path: Path, options: dict, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        run_training("memory", tmp_path / "out", **options)
