import random
from pathlib import Path

import pytest

from diptych.engine.errors import InputError
from diptych.pipelines.pocket.art.collection import prepare

from .test_folder import SVG, fill


def test_a_users_folder_becomes_a_hand(tmp_path: Path) -> None:
    folder = fill(tmp_path / "sprites")
    rows = "name,colours,carries,size\nspace cat,all,,small\nred door,,yes,large\n"
    (folder / "tags.csv").write_text(rows, encoding="utf-8")
    for name in ("sun flower", "tin box", "old boat"):
        (folder / f"{name}.svg").write_text(SVG, encoding="utf-8")
    told: list[str] = []
    art = prepare(tmp_path / "cache", folders=[folder], packaged=False, tell=told.append)
    assert list(art.hands) == ["sprites"] and len(art.kinds) == 5 and told == [f"drawing 5 kinds of {folder}"]
    for i in range(10):
        scene = art.sample(random.Random(i))
        assert art.render(scene, 64).boxes and "in the style of sprites" in art.prompt_of(scene)
        assert len(art.facts_of(scene)) == len(art.false_facts_of(scene, random.Random(i)))
        assert art.caption_of(scene, random.Random(i))


def test_two_folders_of_one_name_are_refused(tmp_path: Path) -> None:
    folders = [fill((tmp_path / name).resolve()) for name in ("a", "b")]
    for folder in folders:
        (folder / "art").mkdir()
        fill(folder / "art")
    with pytest.raises(InputError, match="rename the folder"):
        prepare(tmp_path / "cache", folders=[folder / "art" for folder in folders], packaged=False)
