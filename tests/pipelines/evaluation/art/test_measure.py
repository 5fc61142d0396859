"""Whether pictures show the art that was asked for."""

from diptych.pipelines.evaluation.art.answers import answers
from diptych.pipelines.evaluation.art.measure import (
    found,
    held_out_scenes,
    known_kinds,
    scenes_of_kinds,
    shares_of,
)
from diptych.pipelines.evaluation.inspector import Seen, Sighting
from diptych.pipelines.pocket.art import Art, ArtScene, ArtThing
from diptych.pipelines.pocket.world import is_held_out
from diptych.pipelines.training.data.art_data import ArtData

from ...pocket.art.conftest import art as art
from ...pocket.art.conftest import hands as hands
from ...pocket.art.conftest import kinds as kinds

XS = {"left": 0.28, "middle": 0.5, "right": 0.72}


def sighting(art: Art, scene: ArtScene) -> Sighting:
    """What an inspector sees that errs nowhere."""
    boxes = art.render(scene, 128).boxes
    things = tuple(
        Seen(kind=thing.kind, colour=thing.colour or "red", x=(left + right) / 256, y=(top + bottom) / 256)
        for thing, (left, top, right, bottom) in zip(scene.things, boxes, strict=True)
    )
    return Sighting(things=things, setting=scene.setting, style=scene.style)


def test_what_is_seen_as_it_is_answers_every_question_rightly(art: Art) -> None:
    for scene in ArtData(art, world_share=0.0).scenes(range(120)):
        assert isinstance(scene, ArtScene)
        assert all(answers(sighting(art, scene), scene).values()), scene
        assert not any(answers(None, scene).values())


def test_another_kind_colour_number_or_setting_is_wrong(art: Art) -> None:
    thing = ArtThing(kind="ball", colour="blue", place="left")
    scene = ArtScene(things=(thing,), setting="beach", style="emoji")
    seen = Seen(kind="ball", colour="blue", x=XS["left"], y=0.7)

    def wrong(*things: Seen, setting: str = "beach") -> set[str]:
        found = answers(Sighting(things=things, setting=setting, style="emoji"), scene)
        return {name for name, truth in found.items() if not truth}

    assert wrong(seen) == set()
    assert wrong(Seen(kind="ball", colour="red", x=XS["left"], y=0.7)) == {"colours", "all_right"}
    assert wrong(Seen(kind="ball", colour="blue", x=XS["right"], y=0.7)) == {"position", "all_right"}
    assert wrong(seen, Seen(kind="mug", colour="blue", x=0.8, y=0.7)) == {"all_right"}
    assert wrong(seen, setting="city") == {"setting", "all_right"}
    assert {"one_thing", "colours", "position"} <= wrong(Seen(kind="mug", colour="blue", x=XS["left"], y=0.7))


def test_shares_and_known_kinds_are_counted(art: Art) -> None:
    scenes = scenes_of_kinds(art, 2)
    assert len(scenes) == 2 * len(art.hands["sticker"].kinds)
    first = scenes[0].things[0].kind
    rows = [(sighting(art, scene) if scene.things[0].kind != first else None, scene) for scene in scenes]
    share, missed = known_kinds(found(rows))
    assert (share.count, share.of, missed) == (len(art.kinds) - 1, len(art.kinds), [first])
    assert shares_of(rows)["one_thing"].of == len(scenes)


def test_prompts_are_held_out(art: Art) -> None:
    scenes = held_out_scenes(art, 18)
    assert len(scenes) == 18
    assert all(is_held_out(thing.kind, thing.colour, s.setting) for s in scenes for thing in s.things)
