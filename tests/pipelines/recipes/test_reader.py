"""Recipes: what they say, and what is said of those that are wrong."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from diptych import InputError
from diptych.engine.stage import Lora, ModelKey
from diptych.pipelines.recipes.reader import (
    NO_MODEL,
    POCKET_WEIGHTS,
    Recipe,
    known_recipes,
    parse_recipe,
    read_recipe,
)
from diptych.pipelines.recipes.writer import recipe_table

GOOD = """
summary = "two stages"
[picture]
height = 64
[defaults]
guidance_scale = 3
candidates = 2
[stages.plan]
family = "causal-lm"
checkpoint = "./planner"
[stages.draft]
family = "image-token-lm"
checkpoint = "pocket/drafter"
dtype = "bfloat16"
settings = { cache = true }
models.codebook = { family = "image-tokenizer", checkpoint = "someone/tokens" }
"""


def read(folder: Path, text: str) -> Recipe:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return read_recipe(path)


def test_a_recipe_may_mend_and_ignore_what_was_left_out(tmp_path: Path) -> None:
    recipe = read(tmp_path, GOOD.replace("[defaults]", "[defaults]\nrepairs = 2\nignore_left_out = true"))
    assert (recipe.defaults.repairs, recipe.defaults.ignore_left_out) == (2, True)
    table = recipe_table(recipe)
    assert parse_recipe(table, tmp_path / "mine.toml").defaults == recipe.defaults
    for said, message in (("ignore_left_out = 1", "of kind bool"), ("repairs = true", "of kind int")):
        with pytest.raises(InputError, match=message):
            read(tmp_path, GOOD.replace("[defaults]", f"[defaults]\n{said}"))


def test_the_pocket_recipe_names_four_stages() -> None:
    recipe = read_recipe("pocket")
    assert list(recipe.stages) == ["plan", "draft", "refine", "judge"]
    assert recipe.stages["plan"].model.checkpoint == str(POCKET_WEIGHTS / "planner")
    assert (recipe.height, recipe.width) == (256, 256)
    assert recipe.defaults.num_inference_steps is not None


def test_every_recipe_of_the_package_can_be_read() -> None:
    for name in known_recipes():
        assert read_recipe(name).name == name


def test_a_recipe_file_says_it_all(tmp_path: Path) -> None:
    recipe = read(tmp_path, GOOD)
    assert recipe.name == "mine"
    assert (recipe.height, recipe.width) == (64, 256)
    assert (recipe.defaults.guidance_scale, recipe.defaults.candidates) == (3.0, 2)
    assert isinstance(recipe.defaults.guidance_scale, float)
    plan, draft = recipe.stages["plan"], recipe.stages["draft"]
    assert plan.model == ModelKey("causal-lm", str(tmp_path / "planner"))
    assert draft.model == ModelKey("image-token-lm", str(POCKET_WEIGHTS / "drafter"), "bfloat16")
    assert draft.models == {"codebook": ModelKey("image-tokenizer", "someone/tokens")}
    assert draft.settings == {"cache": True}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("guidance_scale", "guidance", "'guidance' is not known .did you mean 'guidance_scale'"),
        ("checkpoint =", "chekpoint =", "did you mean 'checkpoint'"),
        ("[picture]", "[pictures]", "did you mean 'picture'"),
        ("guidance_scale = 3", "guidance_scale = 300", "must lie between"),
        ("guidance_scale = 3", "guidance_scale = nan", "must lie between"),
        ("candidates = 2", 'candidates = "two"', "must be of kind int"),
        ("candidates = 2", "candidates = true", "must be of kind int"),
        ("bfloat16", "int4", "must be one of float32"),
        ('family = "causal-lm"', "", "family is missing"),
        ("height = 64", "height = [", "not valid TOML"),
        ("[stages.plan]", "[stages]\nplan = 3\n[stages.plans]", "must be a table"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_its_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in GOOD
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert "\n" not in str(caught.value) and "mine.toml" in str(caught.value)


def test_a_stage_may_do_without_a_model(tmp_path: Path) -> None:
    plan = '[stages.plan]\nfamily = "causal-lm"\ncheckpoint = "./planner"'
    recipe = read(tmp_path, GOOD.replace(plan, '[stages.plan]\nfamily = "none"'))
    assert recipe.stages["plan"].model == NO_MODEL and recipe.stages["plan"].keys == ()
    assert parse_recipe(recipe_table(recipe), tmp_path / "mine.toml") == recipe
    with pytest.raises(InputError, match="family 'none' is no model: leave out checkpoint"):
        read(tmp_path, GOOD.replace('family = "causal-lm"', 'family = "none"'))


def test_a_checkpoint_of_the_hub_has_a_revision_and_parts(tmp_path: Path) -> None:
    told = 'checkpoint = "someone/planner"\nrevision = "abc123"\npart = "inner"'
    recipe = read(tmp_path, GOOD.replace('checkpoint = "./planner"', told))
    assert recipe.stages["plan"].model == ModelKey("causal-lm", "someone/planner@abc123", part="inner")
    assert parse_recipe(recipe_table(recipe), tmp_path / "mine.toml") == recipe
    with pytest.raises(InputError, match=r"revision = 'abc123': is for a Hub id, not for .*planner"):
        read(tmp_path, GOOD.replace('"./planner"', '"./planner"\nrevision = "abc123"'))
    with pytest.raises(InputError) as caught:  # however long a name is, the line stays one that can be read
        read(tmp_path, GOOD.replace('"./planner"', f'"./{"planner" * 90}"\nrevision = "{"abc" * 90}"'))
    assert len(str(caught.value)) < 600


def test_a_recipe_says_what_it_is_good_for_and_under_which_licence(tmp_path: Path) -> None:
    recipe = read(tmp_path, 'use = "trying"\nlicence = "MIT"\n' + GOOD)
    assert (recipe.use, recipe.licence) == ("trying", "MIT")
    assert parse_recipe(recipe_table(recipe), tmp_path / "mine.toml") == recipe
    with pytest.raises(InputError, match="did you mean 'licence'"):
        read(tmp_path, 'license = "MIT"\n' + GOOD)


def test_a_template_of_ones_own_lies_beside_the_recipe(tmp_path: Path) -> None:
    text = GOOD.replace('checkpoint = "./planner"', 'checkpoint = "./planner"\nsettings.template = "mine.txt"')
    assert read(tmp_path, text).stages["plan"].settings == {"template": str(tmp_path / "mine.txt")}


def test_loras_are_part_of_the_model(tmp_path: Path) -> None:
    loras = 'loras = [{ checkpoint = "./ink.safetensors", weight = 1 }, { checkpoint = "someone/style" }]'
    recipe = read(tmp_path, GOOD.replace('checkpoint = "./planner"', f'checkpoint = "./planner"\n{loras}'))
    model = recipe.stages["plan"].model
    assert model.loras == (Lora(str(tmp_path / "ink.safetensors")), Lora("someone/style", 1.0))
    assert parse_recipe(recipe_table(recipe), tmp_path / "mine.toml") == recipe


@pytest.mark.parametrize(
    ("loras", "message"),
    [
        ('["ink"]', "loras: 'ink': must be a table of checkpoint and weight"),
        ('[{ checkpont = "ink" }]', "did you mean 'checkpoint'"),
        ('[{ checkpoint = "ink", weight = "much" }]', "weight = 'much': must be of kind float"),
        ('"ink"', "loras = 'ink': must be of kind list"),
    ],
)
def test_wrong_loras_are_told(tmp_path: Path, loras: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, GOOD.replace('checkpoint = "./planner"', f'checkpoint = "./planner"\nloras = {loras}'))


def test_a_recipe_without_stages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no .stages"):
        read(tmp_path, "")


def test_a_table_made_in_python_is_a_recipe(tmp_path: Path) -> None:
    stage = {"family": "diffusers", "checkpoint": tmp_path / "painter"}
    recipe = read_recipe({"stages": {"paint": stage}})
    assert recipe.stages["paint"].model == ModelKey("diffusers", str(tmp_path / "painter"))
    stages: dict[str, Any] = {}
    stages["paint"] = {"family": "diffusers", "checkpoint": "./x", "settings": stages}
    with pytest.raises(InputError, match="nested deeper"):
        read_recipe({"stages": stages})
    with pytest.raises(InputError, match="named by the folder that its save_pretrained writes"):
        read_recipe(object())  # pyright: ignore[reportArgumentType]


BARE = '[stages.paint]\nfamily = "diffusers"\ncheckpoint = "a/b"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BARE.replace("a/b", "~nosuchuser/x"), r"\[stages.paint\]: checkpoint: .*can be no path"),
        (BARE.replace("a/b", "./a\\u0000b"), "can be no path"),
        ("[" * 100_000, "not valid TOML"),
        ("a = " + "[" * 100_000, "nested deeper than 32"),
        ("a = " + "[" * 60 + "]" * 60, "nested deeper than 32"),
        ("a." * 100_000 + "a = 1", "more than 16 parts"),
        ("[" + "a . " * 50 + "a]", "more than 16 parts"),
        ("a = " + "9" * 5000, "not valid TOML: Exceeds the limit"),
        ("[picture]\nheight = 0x" + "f" * 5000 + "\n" + BARE, "a huge int: must lie between"),
        ("[picture]\nheight = -5\n" + BARE, "height = -5: must lie between 8 and 4096"),
        (BARE + "loras = [{ checkpoint = 'x', weight = nan }]", "weight = nan: must be a number"),
        ("#" * 300_000, "has 300000 bytes, of at most"),
        (BARE.replace("paint", '"a\\nb"'), "is no name of a stage"),
        (BARE + f"models.{'a' * 5000} = 1", "is no name of a role"),
        (BARE.replace("a/b", " "), "checkpoint = ' ': name a folder, a Hub id"),
        (BARE.replace("a/b", "x/" * 3000), "checkpoint = 'x/x/.*: name a folder, a Hub id"),
        (BARE + "loras = [{ checkpoint = '' }]", "checkpoint = '': name a folder"),
    ],
)
def test_a_recipe_that_nobody_writes_is_refused_quickly(tmp_path: Path, text: str, message: str) -> None:
    began = time.monotonic()
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    assert time.monotonic() - began < 5


def test_a_mark_at_the_beginning_of_a_file_is_no_part_of_it(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff" + GOOD) == read(tmp_path, GOOD)


def test_a_pipe_or_a_device_is_no_recipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "zero.toml").symlink_to("/dev/zero")
    for name in ("pipe.toml", "zero.toml"):
        with pytest.raises(InputError, match="is no file"):
            read_recipe(tmp_path / name)


def test_an_unknown_recipe_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"did you mean 'pocket'.*choose one of"):
        read_recipe("poket")
    with pytest.raises(InputError, match=r"none.toml.*check the path"):
        read_recipe(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"not valid TOML"):
        read_recipe(tmp_path / "bytes.toml")
