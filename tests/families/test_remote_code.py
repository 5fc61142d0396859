"""Code that comes with a checkpoint is run if the recipe says so and whoever renders has agreed; else never."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from diptych.engine.errors import CheckpointError, InputError
from diptych.engine.models.registry import Registry
from diptych.engine.stage import ModelKey
from diptych.pipelines.recipes.build import build_chain
from diptych.pipelines.recipes.reader import parse_recipe
from diptych.pipelines.recipes.writer import recipe_table

from .painting import Twin
from .planner_twins import llama3

CODE = """
from transformers import LlamaConfig, LlamaForCausalLM

class MyConfig(LlamaConfig):
    model_type = "mine"

class MyModel(LlamaForCausalLM):
    config_class = MyConfig
"""

TABLE = {
    "stages": {
        "plan": {"family": "causal-lm", "checkpoint": "./mine", "trust_remote_code": True},
        "refine": {"family": "diffusers", "checkpoint": "pocket/refiner"},
    }
}


@pytest.fixture
def folder(twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A planner whose classes are in its folder."""
    import shutil

    import transformers.dynamic_module_utils

    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(tmp_path / "modules")
    shutil.copytree(twin(llama3), folder := tmp_path / "mine")
    (folder / "mine.py").write_text(CODE)
    path = folder / "config.json"
    config = json.loads(path.read_text()) | {"model_type": "mine", "architectures": ["MyModel"]}
    config["auto_map"] = {"AutoConfig": "mine.MyConfig", "AutoModelForCausalLM": "mine.MyModel"}
    path.write_text(json.dumps(config))
    return folder


def test_code_is_not_run_unasked(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="custom code") as caught:
        Registry().load(ModelKey("causal-lm", str(folder)), "cpu")
    assert "\n" not in str(caught.value)


def test_code_is_run_where_it_is_asked_for(folder: Path) -> None:
    handle = Registry().load(ModelKey("causal-lm", str(folder), remote_code=True), "cpu")
    assert type(handle.model).__name__ == "MyModel"


def test_a_recipe_alone_is_not_enough(tmp_path: Path) -> None:
    recipe = parse_recipe(TABLE, tmp_path / "mine.toml")
    assert recipe_table(recipe)["stages"]["plan"]["trust_remote_code"] is True
    with pytest.raises(InputError) as caught:
        build_chain(recipe)
    assert str(caught.value) == (
        f"recipe mine: [stages.plan] runs code that comes with {tmp_path}/mine: read it, and agree with"
        " --trust-remote-code (trust_remote_code=True in Python)"
    )


def test_the_command_line_asks_for_the_flag(tmp_path: Path) -> None:
    lines = [f'[stages.{name}]\nfamily = "{stage["family"]}"' for name, stage in TABLE["stages"].items()]
    lines[0] += '\ncheckpoint = "./mine"\ntrust_remote_code = true'
    lines[1] += '\ncheckpoint = "pocket/refiner"'
    (tmp_path / "mine.toml").write_text("\n".join(lines))
    command = [
        sys.executable,
        "-m",
        "diptych",
        "render",
        "-p",
        "a boat",
        "-o",
        str(tmp_path / "out"),
    ]
    done = subprocess.run(
        [*command, "--recipe", str(tmp_path / "mine.toml")], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0 and "agree with --trust-remote-code" in done.stderr + done.stdout
    agreed = subprocess.run(
        [*command, "--recipe", str(tmp_path / "mine.toml"), "--trust-remote-code"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (
        "agree with" not in agreed.stderr + agreed.stdout and agreed.returncode != 0
    )  # it goes on to the chain


def test_other_families_run_no_code(tmp_path: Path) -> None:
    key = ModelKey("diffusers", "pocket/refiner", remote_code=True)
    with pytest.raises(InputError, match="code that comes with a checkpoint of family diffusers is not run"):
        Registry().load(key, "cpu")
