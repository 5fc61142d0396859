"""What a recipe says of single files, of parts that lie elsewhere, and of their configs."""

from pathlib import Path
from typing import Any

import pytest

from diptych.engine.errors import InputError
from diptych.pipelines.recipes.environment import revisions
from diptych.pipelines.recipes.reader import parse_recipe, read_recipe
from diptych.pipelines.recipes.writer import recipe_table


def read(paint: dict[str, Any], folder: Path) -> Any:
    table = {"picture": {"height": 64, "width": 64}, "stages": {"paint": {"family": "diffusers", **paint}}}
    return parse_recipe(table, folder / "mine.toml")


def test_places_are_found_from_the_recipes_folder(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.safetensors").write_bytes(b"")
    parts = {
        "vae": "./vae",
        "text_encoder": "openai/clip",
        "text_encoder_2": {"checkpoint": "google/t5", "part": "encoder"},
        "transformer": "models/a.safetensors",
        "unet": "org/model/split/b.safetensors",
    }
    recipe = read({"checkpoint": "model.safetensors", "parts": parts, "config": "./configs"}, tmp_path)
    key = recipe.stages["paint"].model
    assert key.checkpoint == str(tmp_path / "model.safetensors") and key.config == str(tmp_path / "configs")
    assert dict(key.parts) == {
        "vae": str(tmp_path / "vae"),
        "text_encoder": "openai/clip",
        "text_encoder_2": "google/t5/encoder",
        "transformer": str(tmp_path / "models" / "a.safetensors"),
        "unet": "org/model/split/b.safetensors",
    }
    assert read_recipe(recipe_table(recipe)).stages["paint"].model == key


@pytest.mark.parametrize(
    ("paint", "said"),
    [
        ({"parts": {"vea": "./x"}}, "did you mean 'vae'"),
        ({"parts": {"vae": 1}}, "must be a folder, a single file or an id"),
        ({"parts": {"vae": {"checkpoint": "./x", "prt": "y"}}}, "'prt' is not known"),
        ({"parts": ["./x"]}, "must be a table"),
        ({"config": 3}, "must be the folder of a pipeline's configs"),
    ],
)
def test_what_is_not_understood_is_told(paint: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read({"checkpoint": "./x", **paint}, tmp_path)
    assert said in str(caught.value) and "[stages.paint]" in str(caught.value)


def test_a_models_file_in_the_place_of_a_recipe_is_told_what_to_do() -> None:
    with pytest.raises(InputError, match=r"diptych recipes new dream\.safetensors"):
        read_recipe("dream.safetensors")


def test_a_picture_depends_on_the_content_of_the_parts(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text("{}")
    part = tmp_path / "vae.safetensors"
    found: list[str] = []
    for content in (b"one", b"two"):
        part.write_bytes(content)
        recipe = read({"checkpoint": "./m", "parts": {"vae": "./vae.safetensors"}}, tmp_path)
        found.append(revisions(recipe)[str(part)])
    assert found[0] != found[1]
