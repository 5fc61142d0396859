"""Benchmarks of the project's own work, on a few rows: `demo`, `gallery`, `planner` and `refine`."""

import json
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from diptych.benchmarks import demo, gallery, planner, refine
from diptych.benchmarks.harness.options import Options
from diptych.engine.chain import Chain
from diptych.engine.memory import DeviceMemory
from diptych.engine.runner import Runner
from diptych.engine.values import Draft, Picture, Plan, Request, Verdict
from diptych.pipelines.recipes.reader import read_recipe
from diptych.pipelines.text_to_image import TextToImage

from ..fakes import FakeStage, NameLoader

# demo


def test_demo_renders_the_file_by_the_command_and_counts_its_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = tmp_path / "two.txt"
    prompts.write_text("a red boat\na blue cat\n", encoding="utf-8")
    monkeypatch.setattr(demo, "PROMPTS", prompts)
    figures = demo.measure(Options(device="cpu")).figures
    assert figures["pictures"] == 2
    assert figures["seconds_a_picture"] == pytest.approx(figures["seconds"] / 2, abs=0.06)  # both are rounded
    assert 0.1 < figures["peak_gib"] < 16


def test_demo_fails_where_the_command_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = tmp_path / "none.txt"
    prompts.write_text("# no prompts\n", encoding="utf-8")
    monkeypatch.setattr(demo, "PROMPTS", prompts)
    with pytest.raises(subprocess.CalledProcessError):
        demo.measure(Options(device="cpu"))


# gallery


def test_the_gallerys_rows_are_as_a_run_writes_them(tmp_path: Path) -> None:
    assert gallery.write(tmp_path / "out", 40) > 0
    assert (tmp_path / "out" / "index.html").exists()
    records = [gallery.record(row) for row in range(1, 41)]
    assert [each.row for each in records if each.status != "done"] == [20, 40]
    shown = [tmp_path / "out" / each.picture for each in records if each.picture is not None]
    assert len(set(shown)) == 38 and all(path.read_bytes().startswith(b"\x89PNG") for path in shown)
    assert all(json.dumps(each.facts) for each in records)


def test_gallery_gives_medians_of_what_a_reader_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None or find_spec("playwright") is None:
        pytest.skip("needs Chromium (apt-get install chromium) and playwright")
    monkeypatch.setattr(gallery, "ROWS", 60)
    figures = gallery.measure(Options(repeats=1)).figures
    assert 0 < figures["first_cards_s"] <= figures["all_rows_s"]
    assert 0 < figures["cards_in_page"] <= 60
    assert {"filter_ms", "jump_ms", "filter_ms_cpu", "jump_ms_cpu", "writing_ms_a_row"} <= set(figures)


def test_gallery_without_a_browser_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    report = gallery.measure(Options())
    assert "needs Chromium" in report.skipped and "\n" not in report.skipped and not report.figures


# planner


def test_planner_asks_for_as_many_things_as_it_says() -> None:
    assert all(len(row) == 2 and row[0] != row[1] for row in planner.wishes(2, 20))
    assert planner.wishes(2, 20) == planner.wishes(2, 20)
    assert {wish.split()[0] for wish in planner.several(40)} == {"two", "three", "four"}


def test_planner_finds_that_the_pocket_planner_keeps_short_prompts() -> None:
    figures = planner.measure(Options(device="cpu", prompts=4)).figures
    assert figures == {"kept_of_one_thing": 1.0, "kept_of_two_things": 1.0, "kept_of_several": 1.0}


def test_planner_counts_what_a_forgetful_planner_loses(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps one thing of each prompt, and of every other prompt nothing."""

    def forget(request: Request) -> Plan:
        kept = request.prompt.split(" and ")[0] if request.seed % 2 else "the sea"
        return Plan(request=request, prompt=kept, facts=())

    stages = [("draft", Plan, Draft), ("refine", Draft, Picture), ("judge", Picture, Verdict)]
    chain = Chain([FakeStage("plan", Request, Plan, forget), *(FakeStage(*each) for each in stages)])
    pipe = TextToImage(Runner(chain, DeviceMemory(NameLoader(1))), read_recipe("pocket"))
    fake = SimpleNamespace(from_recipe=lambda recipe, **options: pipe)
    monkeypatch.setattr(planner, "TextToImage", fake)
    figures = planner.measure(Options(device="cpu", prompts=8)).figures
    assert figures == {"kept_of_one_thing": 0.5, "kept_of_two_things": 0.0, "kept_of_several": 0.5}


# refine


def test_refine_compares_an_option_with_the_same_steps_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    few = ("16 steps", "step_cache = 0.2", "8 steps, guidance 3", "guided step_cache = 0.1")
    shorter = {name: ((2, refine.VARIANTS[name][0][1]), refine.VARIANTS[name][1]) for name in few}
    monkeypatch.setattr(refine, "VARIANTS", shorter)
    figures = refine.measure(Options(device="cpu", prompts=1, repeats=1)).figures
    assert set(figures["share_of_time"]) == set(figures["psnr"]) == set(few)
    assert figures["share_of_time"]["16 steps"] == 1 and figures["psnr"]["16 steps"] == refine.SAME
    assert all(20 < value <= refine.SAME for value in figures["psnr"].values())
