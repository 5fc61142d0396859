"""LoRA weights of rows on the command line: columns, tags and options; what is done stays done until a file
changes."""

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from diptych.pipelines.cli.main import app

from .lora_files import as_kohya, pairs_of
from .painting import Twin, library_pipeline
from .pipeline_twins import stable_diffusion
from .test_lora_formats import same

ROWS = """prompt,lora
a red boat,
a red boat,ink:0.5
a red boat <lora:ink:0.5>,
a red boat <lora:inc>,
a red boat,/etc/passwd
"""


@pytest.fixture
def recipe(twin: Twin, tmp_path: Path) -> Path:
    checkpoint = twin(stable_diffusion)
    as_kohya(
        pairs_of(library_pipeline(checkpoint).unet, ("to_q",)),
        tmp_path / "loras" / "ink.safetensors",
        named=same,
    )
    text = f'[stages.paint]\nfamily = "diffusers"\ncheckpoint = "{checkpoint}"\nlora_folder = "./loras"\n'
    path = tmp_path / "mine.toml"
    path.write_text(
        f"[picture]\nheight = 64\nwidth = 64\n[defaults]\nnum_inference_steps = 2\n{text}", encoding="utf-8"
    )
    return path


def render(recipe: Path, *arguments: Any) -> Any:
    out = recipe.parent / "out"
    return CliRunner().invoke(
        app, ["render", *map(str, arguments), "--recipe", str(recipe), "-o", str(out), "--device", "cpu"]
    )


def lines(recipe: Path) -> list[dict[str, Any]]:
    text = (recipe.parent / "out" / "results.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_rows_of_a_table_put_on_what_they_ask_for(recipe: Path) -> None:
    path = recipe.parent / "rows.csv"
    path.write_text(ROWS, encoding="utf-8")
    assert render(recipe, path, "--seed", 3).exit_code == 1
    found = {line["row"]: line for line in lines(recipe)}
    assert [found[row]["status"] for row in sorted(found)] == ["done", "done", "done", "failed", "failed"]
    assert [found[row]["settings"].get("loras") for row in (1, 2, 3)] == [None, "ink:0.5", "ink:0.5"]
    assert {found[row]["prompt"] for row in (1, 2, 3)} == {"a red boat"}
    assert "LoRA 'inc': not known: did you mean 'ink'?" in found[4]["error"]
    assert "LoRA '/etc/passwd': not known" in found[5]["error"]
    before = ids(recipe)
    render(recipe, path, "--seed", 3)
    assert ids(recipe) == before
    file = recipe.parent / "loras" / "ink.safetensors"
    save_file({name: value / 2 for name, value in load_file(file).items()}, file)
    render(recipe, path, "--seed", 3)
    after = ids(recipe)
    assert [row for row in after if after[row] != before[row]] == [2, 3]


def ids(recipe: Path) -> dict[int, str]:
    """Of the rows that are done."""
    return {
        line["row"]: line["id"]
        for line in sorted(lines(recipe), key=lambda line: line["row"])
        if line["status"] == "done"
    }


def test_an_option_is_for_all_rows_and_is_refused_where_it_is_not_known(recipe: Path) -> None:
    assert render(recipe, "-p", "a red boat", "--lora", "INK:0.25").exit_code == 0
    assert lines(recipe)[0]["settings"]["loras"] == "ink:0.25"
    failed = render(recipe, "-p", "a red boat", "--lora", "inkk")
    assert "LoRA 'inkk': not known: did you mean 'ink'?" in str(failed.exception)


def test_without_loras_in_the_recipe_a_tag_is_said_not_to_be_applied(recipe: Path) -> None:
    recipe.write_text(
        recipe.read_text(encoding="utf-8").replace('lora_folder = "./loras"\n', ""), encoding="utf-8"
    )
    result = render(recipe, "-p", "a (red:1.3) boat <lora:ink:0.8>")
    assert result.exit_code == 0
    assert "<lora:ink:0.8> is not applied: LoRAs belong into the recipe" in result.output
    assert "weight of words" not in result.output
