"""Sweeps: every combination once, with one seed a prompt, on grids that say which is which."""

from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest

from diptych.engine.errors import InputError
from diptych.engine.randomness import derive_seed
from diptych.pipelines.cli.render import run_render
from diptych.pipelines.files import RESULTS
from diptych.pipelines.rendering.output.record import Record
from diptych.pipelines.rendering.sweep import MAX_COMBINATIONS, Sweep
from diptych.pipelines.text_to_image import TextToImage
from diptych.prompts.row import Row


def row(prompt: str, **settings: float) -> Row:
    return Row(prompt=prompt, source="-p", line=1, settings=settings)


def test_the_first_setting_runs_from_left_to_right() -> None:
    sweep = Sweep.parse(["guidance=1,2", "steps=4,8,16"])
    assert [(each["guidance_scale"], each["num_inference_steps"]) for each in sweep.combinations] == [
        *((1, 4), (2, 4)),
        *((1, 8), (2, 8)),
        *((1, 16), (2, 16)),
    ]


def test_all_pictures_of_a_prompt_have_one_seed() -> None:
    rows = list(Sweep.parse(["steps=1,2"]).rows([row("a"), row("b", seed=9)], seed=5))
    assert [each.settings["seed"] for each in rows] == [derive_seed(5, 1)] * 2 + [9] * 2
    alone = list(Sweep.parse(["steps=1,2"]).rows([row("a")], seed=5, alone=True))
    assert [each.settings["seed"] for each in alone] == [5, 5]
    swept = list(Sweep.parse(["seed=1,2"]).rows([row("a", seed=9)], seed=5))
    assert [each.settings["seed"] for each in swept] == [1, 2]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["steps=1,,2"], r"--sweep 'steps=1,,2': write a setting and its values as in guidance=1,2,4"),
        (["guidance"], r"--sweep 'guidance': write a setting and its values as in guidance=1,2,4"),
        (["guidance="], "write a setting and its values"),
        (["gidance=1"], "--sweep 'gidance': no such setting: choose one of seed"),
        (["negative_prompt=a,b"], "no such setting"),
        (
            ["steps=4,many"],
            "--sweep steps = 'many': must be a number|--sweep steps = 'many': must be a whole number",
        ),
        (["steps=1,2", "num_inference_steps=3"], "--sweep steps: is given twice"),
        (["seed=" + ",".join(map(str, range(MAX_COMBINATIONS + 1)))], "combinations: at most"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_in_a_line(texts: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Sweep.parse(texts)
    assert "\n" not in str(caught.value)


def test_a_prompt_gets_a_grid(
    make_pipe: Callable[..., TextToImage], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    sweep = ["steps=1,2,3", "temperature=0,1"]
    assert run_render(make_pipe, source=None, text=["a red boat"], out=out, seed=7, sweep=sweep) == 0
    records = [Record.from_json(line) for line in (out / RESULTS).read_text().splitlines()]
    assert len(records) == 6 and {record.seed for record in records} == {7}
    assert {(r.settings["num_inference_steps"], r.settings["temperature"]) for r in records} == {
        (steps, temperature) for steps in (1, 2, 3) for temperature in (0, 1)
    }
    with PIL.Image.open(out / "sweep.png") as grid:
        assert grid.width > 3 * 192 and grid.height > 2 * 192
    assert f"sweep:         {out / 'sweep.png'}" in capsys.readouterr().out


def test_each_prompt_of_a_file_gets_a_grid_and_a_failed_row_an_empty_place(
    make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    status = run_render(make_pipe, source=None, text=["a boat", "poison"], out=out, sweep=["steps=1,2"])
    assert status == 1
    assert sorted(path.name for path in out.glob("sweep*")) == ["sweep-0001.png", "sweep-0002.png"]
