import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from diptych.benchmarks import decode
from diptych.benchmarks.harness import prompts
from diptych.benchmarks.harness.command import ALL, BENCHMARKS, known, run_benchmark
from diptych.benchmarks.harness.machine import file_name
from diptych.benchmarks.harness.options import Options
from diptych.benchmarks.harness.report import Report, table
from diptych.engine.errors import InputError


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Report:
    """What every benchmark finds, at once."""
    shown = table("", "ratio")
    shown.add_row("batch 1", "2.00")
    report = Report(name="decode", figures={"ratio_batch_1": 2.0}, tables={"times": shown}, notes=["so be it"])
    module = type("Module", (), {"measure": staticmethod(lambda options: report)})
    monkeypatch.setattr("importlib.import_module", lambda name, package: module)
    return report


def test_json_is_one_object_with_the_figures_on_top(found: Report, capsys: pytest.CaptureFixture[str]) -> None:
    run_benchmark("decode", Options(device="cpu"), as_json=True)
    out, err = capsys.readouterr()
    body = json.loads(out)
    assert body["ratio_batch_1"] == 2.0 and body["benchmark"] == "decode"
    for name in ("torch", "transformers", "diffusers", "processor", "cores", "torch_threads"):
        assert body["machine"][name]
    assert (
        "so be it" in err and "so be it" not in out.replace(json.dumps(body["notes"]), "").split('"notes"')[0]
    )


def test_people_get_a_table(found: Report, capsys: pytest.CaptureFixture[str]) -> None:
    run_benchmark("decode", Options(device="cpu"))
    out, _ = capsys.readouterr()
    assert "decode: times" in out and "batch 1" in out and "2.00" in out


def test_without_a_name_all_of_them_run(found: Report, capsys: pytest.CaptureFixture[str]) -> None:
    run_benchmark(None, Options(device="cpu"), as_json=True)
    assert tuple(json.loads(capsys.readouterr().out)) == ALL


def test_results_are_kept_by_device_and_name(found: Report, tmp_path: Path) -> None:
    run_benchmark("decode", Options(device="cpu"), as_json=True, out=tmp_path / "results")
    (path,) = (tmp_path / "results").iterdir()
    assert path.name == file_name("cpu", "decode") and path.name.endswith("-decode.json")
    assert json.loads(path.read_text())["ratio_batch_1"] == 2.0


def test_what_was_skipped_is_said_and_not_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_benchmark("gpu", Options(device="cpu"), out=tmp_path)
    out, err = capsys.readouterr()
    assert out == "" and "no CUDA device" in err and not list(tmp_path.iterdir())


def test_a_wrong_name_or_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'decode'"):
        known("decoed")
    with pytest.raises(InputError, match="repeats = 0"):
        Options(repeats=0)
    with pytest.raises(InputError, match="first = -1"):
        Options(first=-1)
    with pytest.raises(InputError, match="size 'huge': not known: choose one of full, tiny"):
        Options(size="huge")
    with pytest.raises(InputError, match="clock 'sun'"):
        Options(clock_name="sun")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        run_benchmark("gpu", Options(device="cpu"), out=tmp_path / "file")


def test_every_benchmark_that_is_named_is_there() -> None:
    folder = Path(decode.__file__).parent
    assert all(
        (folder / f"{name}.py").exists() or hasattr(import_module(f"diptych.benchmarks.{name}"), "measure")
        for name in BENCHMARKS
    )
    assert set(ALL) <= set(BENCHMARKS)


def test_prompts_are_all_different() -> None:
    made: list[Any] = prompts.benchmark_prompts(480)
    assert len(set(made)) == 480
    assert prompts.benchmark_prompts(64) == made[:64]
