from pathlib import Path

from PIL import Image

from diptych.pipelines.pocket.art.collection import Art
from diptych.pipelines.pocket.art.sheet import kind_sheet, scene_sheet


def test_sheets_show_every_kind_and_scenes(art: Art, tmp_path: Path) -> None:
    kind_sheet(art, "emoji", tmp_path / "a" / "kinds.png", cell=64)
    scene_sheet(art, tmp_path / "scenes.png", count=3, cell=64)
    with Image.open(tmp_path / "a" / "kinds.png") as kinds, Image.open(tmp_path / "scenes.png") as scenes:
        assert kinds.width == 64 * len(art.kinds) and scenes.width == 64 * 3
