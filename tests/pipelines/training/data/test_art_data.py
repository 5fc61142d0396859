"""The art and the illustrated world beside it as training data, on a tiny icon set that tests draw."""

import random
from pathlib import Path

import pytest
import torch

from diptych import InputError
from diptych.pipelines.evaluation.inspector import Inspector
from diptych.pipelines.pocket.art import Art, ArtScene
from diptych.pipelines.pocket.art.words import USUAL_STYLE, style_words
from diptych.pipelines.pocket.world import KINDS, Scene, is_held_out
from diptych.pipelines.training.data.art_data import ArtData, ArtSource, open_art
from diptych.pipelines.training.data.source import ATTRIBUTES, IGNORED, TrainingData, WorldData, scene_of
from diptych.pipelines.training.data.texts import train_text_tokenizer
from diptych.pipelines.training.run import run_training
from diptych.pipelines.training.tasks.captioner import CaptionerTask
from diptych.pipelines.training.tasks.drafter import DrafterTask
from diptych.pipelines.training.tasks.inspector import NOTHING, InspectorTask, targets_of
from diptych.pipelines.training.tasks.tokenizer import train_tokenizer

from ...pocket.art.conftest import BODIES, icons, tiny_kinds

MANY = 400


@pytest.fixture(scope="module")
def art(tmp_path_factory: pytest.TempPathFactory) -> Art:
    from diptych.pipelines.pocket.art.hands import Hand, draw_icons, write_hand

    folder = tmp_path_factory.mktemp("art")
    drawn = list(draw_icons(icons(), {name: name for name in BODIES}, where="tiny"))
    for style in ("sticker", "emoji"):
        write_hand(style, drawn, folder / f"{style}.safetensors", source=f"tiny {style}")
    hands = {style: Hand(folder / f"{style}.safetensors") for style in ("sticker", "emoji")}
    return Art(hands, tiny_kinds())


@pytest.fixture(scope="module")
def data(art: Art) -> ArtData:
    return ArtData(art, count=MANY)


def art_scenes(data: ArtData, count: int = MANY) -> list[ArtScene]:
    return [scene for scene in data.scenes(range(count)) if isinstance(scene, ArtScene)]


def test_a_picture_is_a_function_of_its_number(data: ArtData, art: Art) -> None:
    again: TrainingData = ArtData(art, count=7)
    assert again.scenes([5, 3]) == data.scenes([5, 3])
    first, second = data.take(range(6), 64), again.take(reversed(range(6)), 64)
    assert torch.equal(first.pixels, second.pixels.flip(0)) and torch.equal(first.masks, second.masks.flip(0))
    assert first.pixels.shape == (6, 64, 64, 3) and first.masks.any()
    assert again.held_out().scenes([5]) != again.scenes([5])


def test_held_out_combinations_never_come_up_in_training(data: ArtData) -> None:
    for side, held_out in ((data, False), (data.held_out(), True)):
        scenes = [*side.scenes(range(MANY)), *(side.to_plan(i, random.Random(i)) for i in range(MANY))]
        for scene in scenes:
            assert all(
                is_held_out(thing.kind, thing.colour, scene.setting) == held_out for thing in scene.things
            )


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_the_world_comes_in_the_asked_share(art: Art, share: float) -> None:
    data = ArtData(art, world_share=share)
    scenes = data.scenes(range(2000))
    of_world = [i for i, scene in enumerate(scenes) if isinstance(scene, Scene)]
    assert len(of_world) / 2000 == pytest.approx(share, abs=0.04)
    assert all(scenes[i] == scene_of("train", i) for i in of_world)
    assert f"{share:.0%}" in data.name


def test_the_name_says_what_it_is_of(data: ArtData, art: Art) -> None:
    assert data.name.startswith("art of tiny sticker, tiny emoji; 6 kinds ") and "50%" in data.name
    fewer = Art(art.hands, {name: kind for name, kind in art.kinds.items() if name != "pin"})
    assert ArtData(fewer).name != data.name


def test_what_is_kept_is_what_is_drawn(data: ArtData, tmp_path: Path) -> None:
    kept = data.keeping(tmp_path)
    for _ in range(2):
        assert torch.equal(kept.take(range(4), 64).pixels, data.take(range(4), 64).pixels)
    assert torch.equal(kept.take(range(4), 64).masks, data.take(range(4), 64).masks)


def test_patches_have_labels_of_both_and_unnamed_colours_are_ignored(data: ArtData) -> None:
    assert data.patch_classes == (1 + len(KINDS) + 6, 11, 10, 4, 8)
    assert all(data.attributes[field][: len(values)] == values for field, values in ATTRIBUTES.items())
    batch = data.take(range(40), 64)
    labels = data.patch_labels(batch, 16)
    assert labels.shape == (40, 256, 5)
    of_world = [i for i, scene in enumerate(batch.scenes) if isinstance(scene, Scene)]
    world = WorldData().take(of_world, 64)
    assert torch.equal(labels[of_world], WorldData().patch_labels(world, 16))
    for row, scene in zip(labels, batch.scenes, strict=True):
        things = row[row[:, 0] > 0]
        shown = {data.attributes["kind"][kind - 1] for kind in things[:, 0].tolist()}
        assert shown <= {thing.kind for thing in scene.things} and len(things)
        assert set(row[:, 4].tolist()) == {1 + data.styles.index(scene.style)}
        for thing in scene.things:
            rows = things[things[:, 0] == 1 + data.attributes["kind"].index(thing.kind)]
            assert thing.colour or set(rows[:, 1].tolist()) <= {IGNORED}


def test_facts_are_matched_by_false_ones_and_styles_of_both_are_told_apart(data: ArtData) -> None:
    rng, styles = random.Random(0), set[tuple[bool, str]]()
    for scene in data.scenes(range(200)):
        true, false = data.facts_of(scene), data.false_facts_of(scene, rng)
        assert not set(true) & set(false)
        assert {about for about, _ in true} <= {about for about, _ in false}
        styles |= {(isinstance(scene, Scene), text) for about, text in false if about == "style"}
    assert {(True, "as a sticker"), (True, "in ink"), (False, "in ink"), (False, "as an emoji")} <= styles


def test_no_prejudice_is_taught_against_held_out_things(data: ArtData) -> None:
    told = 0
    for scene in art_scenes(data):
        for thing in scene.things:
            for kind in data.art.kinds:
                expected = any(is_held_out(kind, other.colour, scene.setting) for other in scene.things)
                assert data.teaches_prejudice(scene, ("thing", f"a {kind}")) == expected
                told += expected
            held_out = is_held_out(thing.kind, "pink", scene.setting)
            assert data.teaches_prejudice(scene, ("colour", f"a pink {thing.kind}")) == held_out
    assert told
    scene = next(s for s in art_scenes(data) if is_held_out("hot air balloon", "red", s.setting))
    assert data.teaches_prejudice(scene, ("colour", "a red hot air balloon"))


def test_a_sticker_of_a_thing_that_the_world_has_is_called_one(data: ArtData, art: Art) -> None:
    import dataclasses

    cat = dataclasses.replace(art.kinds["ball"], name="cat", said=art.kinds["ball"].said)
    told = ArtData(Art(art.hands, {**art.kinds, "cat": cat}))
    scene = next(s for s in art_scenes(data) if s.style == USUAL_STYLE and s.arrangement == "alone")
    of_cat = dataclasses.replace(scene, things=(dataclasses.replace(scene.things[0], kind="cat"),))
    ways = told._usual_ways
    assert style_words(USUAL_STYLE)[0] in ways and "en autocollant" in ways
    captions = [told.caption_of(of_cat, random.Random(i)) for i in range(100)]
    assert all(any(way in caption for way in ways) for caption in captions)
    others = [told.caption_of(scene, random.Random(i)) for i in range(100)]
    assert any(not any(way in caption for way in ways) for caption in others)


def test_words_of_all_languages_are_known_and_name_kinds(data: ArtData) -> None:
    assert {"ball", "caisse", "rouge", "boat", "autocollant", "sticker"} <= data.words()
    names, kinds = data.names(), data.attributes["kind"]
    assert names["wagons"] == names["chariot"] == (0, 1 + kinds.index("wagon"))
    assert names["rouge"] == (1, 1) and names["boat"] == WorldData().names()["boat"]
    assert names["little balls"] == (0, 1 + kinds.index("ball"))


def test_full_wordings_and_facts_are_cut_into_phrases(data: ArtData, tmp_path: Path) -> None:
    words = train_text_tokenizer(data, tmp_path / "text", pieces="phrases")
    rng, letters = random.Random(0), set("bcdefghijklmnopqrtuvwxyz▁")
    for scene in data.scenes(range(300)):
        texts = [data.prompt_of(scene), *(text for _, text in data.facts_of(scene))]
        for text in (*texts, *(text for _, text in data.false_facts_of(scene, rng))):
            ids = words.encode(f"<s><ask>{text}<answer> yes", add_special_tokens=False)
            assert words.decode(ids[2:-2]) == text
            assert not letters & set(words.convert_ids_to_tokens(ids)), text
    several, one = (words.tokenize(text) for text in ("three red mugs", "a red mug"))
    assert several[1:] == [*one[1:], "s"]


def test_a_style_goes_without_saying_that_the_usual_hand_has(data: ArtData) -> None:
    for scene in data.scenes(range(200)):
        wording = data.prompt_of(scene)
        assert wording.endswith(style_words(scene.style)[0] if scene.style in data.art.hands else wording) or (
            scene.style == USUAL_STYLE and "sticker" not in wording
        )
        assert (scene.style == "flat") == wording.endswith("as a flat drawing")


def test_every_character_of_every_language_is_a_token(data: ArtData, tmp_path: Path) -> None:
    assert {"à", "の", "红"} <= data.letters() and not any(letter.isspace() for letter in data.letters())
    words = train_text_tokenizer(data, tmp_path / "text", sentences=50, size=1200)
    assert all(letter in words.get_vocab() for letter in data.letters())
    for scene in art_scenes(data):
        for i in range(5):
            assert words.unk_token_id not in words.encode(data.caption_of(scene, random.Random(i)))
    with pytest.raises(InputError, match=r"\[text\]: size = 250: must be at least \d+"):
        train_text_tokenizer(data, tmp_path / "small", sentences=50, size=250)


def test_a_drafter_and_a_captioner_are_trained_on_it(data: ArtData, tmp_path: Path) -> None:
    book = train_tokenizer(data, tmp_path / "tokenizer", size=48, pictures=40, iterations=2, say=lambda _: None)
    words = train_text_tokenizer(data, tmp_path / "text", sentences=300, size=1500)
    drafter = DrafterTask(data, book, words, hidden_size=48, layers=1, heads=2)
    captioner = CaptionerTask(data, book, words, channels=(8, 8, 48), depths=(1, 1, 1), text_layers=1)
    for task in (drafter, captioner):
        optimizer = torch.optim.SGD(task.model.parameters(), lr=1e-3)
        for step in range(2):
            loss = task.loss(task.batch(step, 4))["loss"]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            assert loss.isfinite()


def test_an_inspector_is_trained_on_it_and_tells_both_apart(data: ArtData, tmp_path: Path) -> None:
    task = InspectorTask(data, widths=(8, 8), side=128)
    batch = task.batch(0, 12)
    assert batch["pixels"].shape == (12, 3, 128, 128) and batch["centre"].shape == (12, 16, 16)
    assert bool(task.loss(batch)["loss"].isfinite())
    task.save(tmp_path / "inspector")
    inspector = Inspector.from_checkpoint(tmp_path / "inspector")
    seen = inspector.look(data.take(range(3), 256).pixels)
    assert all(sighting.style in data.styles and sighting.setting in data.settings for sighting in seen)
    own = next(s for s in art_scenes(data) if s.arrangement == "alone" and not s.things[0].colour)
    masks = torch.zeros(1, 128, 128)
    masks[0, 40:90, 40:90] = 1
    wanted = targets_of([own], masks, task.words)
    asked = wanted["kind"] != NOTHING
    assert bool(asked.any()) and bool((wanted["colour"] == NOTHING).all())
    assert set(wanted["kind"][asked].tolist()) == {task.words["kind"].index(own.things[0].kind)}


def test_art_that_is_not_where_it_is_said_to_be_is_refused_in_one_line(tmp_path: Path) -> None:
    source = ArtSource(source=tmp_path / "none")
    with pytest.raises(InputError, match="no such folder") as caught:
        open_art(source, tmp_path / "art", count=5, say=lambda _: None)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no such folder"):
        run_training("art", tmp_path / "art", art=source)


@pytest.mark.parametrize(
    ("what", "data", "given", "message"),
    [
        ("drafter", "world", ArtSource(cache=Path("x")), "go with --data art"),
        ("drafter", "world", ArtSource(folders=(Path("x"),)), "go with --data art"),
        ("art", "art", ArtSource(), "leave --data and --art out"),
        ("art", "world", ArtSource(cache=Path("x")), "leave --data and --art out"),
        ("ship", "art", ArtSource(), "name a folder with --into"),
    ],
)
def test_wishes_that_do_not_go_together_are_refused_before_anything_is_written(
    tmp_path: Path, what: str, data: str, given: ArtSource, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        run_training(what, tmp_path / "run", data=data, art=given)
    assert not (tmp_path / "run").exists()
