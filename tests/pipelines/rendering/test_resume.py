"""Rendering into a folder that an earlier run wrote into: what is skipped, done once more, and kept."""

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych import Cancelled, Failure, Outcome, Row, TextToImage
from diptych.engine.values import Settings
from diptych.engine.watch import Quiet
from diptych.pipelines.rendering.batch import Again

PROMPTS = ("a boat", "poison", "a tree", "a\x07bell", "a cat")


@pytest.fixture
def counting(pipe: TextToImage, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows that the pipeline was asked for."""
    asked: list[int] = []
    run = pipe.run

    def count(requests: Any, **options: Any) -> Any:
        return run((asked.append(request.row) or request for request in requests), **options)

    monkeypatch.setattr(pipe, "run", count)
    return asked


def test_what_is_done_is_not_done_again(
    render: Any, lines_of: Any, pipe: TextToImage, counting: list[int], tmp_path: Path
) -> None:
    render(pipe, tmp_path, *PROMPTS)
    before = (tmp_path / "results.jsonl").read_bytes()
    tally = render(pipe, tmp_path, *PROMPTS)
    assert counting == [1, 2, 3, 5]
    assert (tally.done, tally.failed, tally.done_before, tally.failed_before) == (0, 0, 3, 2)
    assert not tally.all_done and (tmp_path / "results.jsonl").read_bytes() == before


def test_rows_of_an_earlier_version_are_kept_as_they_are_and_said_to_be(
    render: Any, lines_of: Any, pipe: TextToImage, counting: list[int], tmp_path: Path
) -> None:
    render(pipe, tmp_path, "a boat", "poison", seed=1, accept=0.0)
    lines = lines_of(tmp_path)
    for line in lines:
        del line["left_out"], line["version"]
        line["facts"] = [
            {name: fact[name] for name in ("kind", "text", "probability", "shown")} for fact in line["facts"]
        ]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (tmp_path / "results.jsonl").write_text(text)
    tally = render(pipe, tmp_path, "a boat", "poison", "a tree", seed=1, accept=0.0)
    assert counting == [1, 2, 3]
    assert (tally.done_before, tally.failed_before, tally.older) == (1, 1, 1)
    assert (tmp_path / "results.jsonl").read_text().startswith(text)
    assert "earlier version" in tally.lines()[-1]
    fresh = render(pipe, tmp_path, "a boat", "poison", seed=1, accept=0.0, again=Again(all=True, fresh=True))
    assert fresh.older == 0 and "left_out" in lines_of(tmp_path)[0]


def test_rows_of_an_earlier_run_that_left_something_out_are_counted(
    render: Any, pipe: TextToImage, counting: list[int], tmp_path: Path
) -> None:
    render(pipe, tmp_path, "a boat", "a boat with a hat", accept=0.0)
    tally = render(pipe, tmp_path, "a boat", "a boat with a hat", "a cat with a hat", accept=0.0)
    assert counting == [1, 2, 3]
    assert tally.lines()[0].startswith("3 rows: 1 made now, 2 done before (1 accepted, 2 left something out)")


def test_what_was_left_out_is_accepted_by_who_ignores_it(
    render: Any, lines_of: Any, pipe: TextToImage, tmp_path: Path
) -> None:
    render(pipe, tmp_path, "a boat with a hat", accept=0.0, ignore_left_out=True)
    (line,) = lines_of(tmp_path)
    assert line["accepted"] is True and line["left_out"] == ["hat"]
    assert line["settings"]["ignore_left_out"] is True


def test_an_interrupted_run_and_its_continuation_are_as_one(
    render: Any, files_of: Any, make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    class Stop(Quiet):
        left = 2

        def on_row(self, record: Any) -> None:
            self.left -= 1

        def cancelled(self) -> bool:
            return self.left <= 0

    stop = Stop()
    render(make_pipe(), tmp_path / "whole", *PROMPTS)
    with pytest.raises(Cancelled):
        render(make_pipe(wave=1), tmp_path / "parts", *PROMPTS, watch=stop, on_row=stop.on_row)
    render(make_pipe(), tmp_path / "parts", *PROMPTS)
    assert files_of(tmp_path / "parts") == files_of(tmp_path / "whole")


@pytest.mark.parametrize("change", [{"seed": 8}, {"num_inference_steps": 9}, {"candidates": 2}])
def test_settings_that_change_change_every_row(
    render: Any, pipe: TextToImage, counting: list[int], tmp_path: Path, change: dict[str, Any]
) -> None:
    render(pipe, tmp_path, "a boat", "a tree")
    render(pipe, tmp_path, "a boat", "a tree", **change)
    assert counting == [1, 2, 1, 2]


def test_a_row_that_changed_is_done_again_and_alone(
    render: Any, lines_of: Any, pipe: TextToImage, counting: list[int], tmp_path: Path
) -> None:
    render(pipe, tmp_path, "a boat", "a tree", "a cat")
    tally = render(pipe, tmp_path, "a boat", "a house", "a cat")
    assert counting == [1, 2, 3, 2] and tally.done == 1
    assert [line["prompt"] for line in lines_of(tmp_path)] == ["a boat", "a house", "a cat"]


def test_weights_trained_anew_change_every_row(render: Any, pipe: TextToImage, tmp_path: Path) -> None:
    from diptych.pipelines.rendering.provenance import identity

    request, environment = pipe.request("a boat", seed=3, row=1), pipe.environment()
    stages = {"refine": {"family": "diffusers", "checkpoint": "pocket/refiner", "dtype": "float32"}}
    one = dataclasses.replace(environment, table={"stages": stages}, revisions={"pocket/refiner": "a" * 16})
    names = {
        "same": identity.identity(dataclasses.replace(request, row=7), one),
        "weights": identity.identity(request, dataclasses.replace(one, revisions={"pocket/refiner": "b" * 16})),
        "mode": identity.identity(request, dataclasses.replace(one, deterministic=True)),
        "negative": identity.identity(dataclasses.replace(request, negative_prompt="blur"), one),
        "endless": identity.identity(
            dataclasses.replace(request, settings=Settings(seconds=float("inf"))), one
        ),
    }
    assert identity.identity(request, one) == names.pop("same")
    assert len({identity.identity(request, one), *names.values()}) == 5
    moved = dataclasses.replace(
        one, table={"stages": {"refine": {**stages["refine"], "checkpoint": "/elsewhere"}}}
    )
    assert identity.identity(request, dataclasses.replace(moved, revisions={"/elsewhere": "a" * 16})) == (
        identity.identity(request, one)
    )


def test_a_picture_that_is_gone_or_another_is_made_again(
    render: Any, pipe: TextToImage, counting: list[int], tmp_path: Path
) -> None:
    render(pipe, tmp_path, "a boat", "a tree", "a cat")
    (tmp_path / "0001-a-boat.png").unlink()
    (tmp_path / "0002-a-tree.png").write_bytes((tmp_path / "0003-a-cat.png").read_bytes())
    (tmp_path / "0003-a-cat.png").write_bytes(b"")
    del counting[:]
    assert render(pipe, tmp_path, "a boat", "a tree", "a cat").done == 3
    assert counting == [1, 2, 3]


def test_failed_rows_are_tried_again_when_asked(
    render: Any, lines_of: Any, pipe: TextToImage, counting: list[int], tmp_path: Path
) -> None:
    render(pipe, tmp_path, *PROMPTS)
    del counting[:]
    render(pipe, tmp_path, *PROMPTS, again=Again(failed=True))
    assert counting == [2]
    assert [line["row"] for line in lines_of(tmp_path)] == [1, 2, 3, 4, 5]


def test_only_some_rows_leave_the_others_alone(
    render: Any, lines_of: Any, pipe: TextToImage, counting: list[int], tmp_path: Path
) -> None:
    render(pipe, tmp_path, *PROMPTS, only="3")
    assert [line["row"] for line in lines_of(tmp_path)] == [3]
    render(pipe, tmp_path, *PROMPTS, only="1,5-9")
    assert counting == [3, 1, 5] and [line["row"] for line in lines_of(tmp_path)] == [1, 3, 5]
    render(pipe, tmp_path, *PROMPTS, only="3", again=Again(all=True))
    assert counting[3:] == [3] and [line["row"] for line in lines_of(tmp_path)] == [1, 3, 5]


def test_afresh_all_is_done_again_and_the_journal_begins_anew(
    render: Any, lines_of: Any, pipe: TextToImage, counting: list[int], tmp_path: Path
) -> None:
    render(pipe, tmp_path, "a boat", "a tree", name="other.txt")
    render(pipe, tmp_path, "a boat", again=Again(all=True, fresh=True))
    assert counting == [1, 2, 1] and len(lines_of(tmp_path)) == 1


def test_of_rows_that_the_source_has_no_more_those_without_a_picture_are_left_out(
    render: Any, lines_of: Any, pipe: TextToImage, tmp_path: Path
) -> None:
    render(pipe, tmp_path, "a boat", "a tree", "a cat", "poison")
    assert render(pipe, tmp_path, "a boat", "a tree", whole=False).dropped == 0
    tally = render(pipe, tmp_path, "a boat", "a tree")
    assert (tally.dropped, tally.kept) == (1, 1)
    assert [line["prompt"] for line in lines_of(tmp_path)] == ["a boat", "a tree", "a cat"]
    assert b"a cat" in (tmp_path / "gallery" / "rows-0001.js").read_bytes()
    assert (tmp_path / "0003-a-cat.png").is_file()
    render(pipe, tmp_path, "a boat", "a tree", again=Again(all=True, fresh=True))
    assert [line["prompt"] for line in lines_of(tmp_path)] == ["a boat", "a tree"]


def test_rows_of_another_source_are_kept(render: Any, lines_of: Any, pipe: TextToImage, tmp_path: Path) -> None:
    render(pipe, tmp_path, "a boat", "a tree", "a cat")
    row = Row(prompt="a house", source="-p", line=1)
    assert render(pipe, tmp_path, row, name="-p").dropped == 0
    assert [line["prompt"] for line in lines_of(tmp_path)] == ["a boat", "a tree", "a cat", "a house"]


def test_the_gallery_shows_rows_of_earlier_runs(render: Any, pipe: TextToImage, tmp_path: Path) -> None:
    render(pipe, tmp_path, "a boat", "a tree", only="2")
    render(pipe, tmp_path, "a boat", "a tree")
    page = (tmp_path / "gallery" / "rows-0001.js").read_text()
    assert page.count('"row":1') == 1 and page.count('"row":2') == 1


def test_one_stage_that_fails_among_64_rows_is_mended(
    render: Any, lines_of: Any, make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    prompts = [f"a boat number {i}" if i != 23 else "a poison boat" for i in range(64)]
    pipe = make_pipe()
    refine = next(stage for stage in pipe.runner.chain.stages if stage.name == "refine")
    healthy = refine.make  # pyright: ignore[reportAttributeAccessIssue]
    tally = render(pipe, tmp_path, *prompts)
    assert (tally.done, tally.failed) == (63, 1)
    (failed,) = [line for line in lines_of(tmp_path) if line["status"] == "failed"]
    assert (failed["row"], failed["error"]) == (24, "refine: the prompt is poison")
    refine.make = lambda value: healthy(_cured(value))  # pyright: ignore[reportAttributeAccessIssue]
    tally = render(pipe, tmp_path, *prompts)
    assert (tally.done, tally.failed_before) == (0, 1)
    tally = render(pipe, tmp_path, *prompts, again=Again(failed=True))
    assert (tally.done, tally.done_before, tally.all_done) == (1, 63, True)
    assert [line["status"] for line in lines_of(tmp_path)] == ["done"] * 64


def _cured(value: Any) -> Any:
    """The same draft for a prompt that the refiner can stand."""
    request = dataclasses.replace(value.plan.request, prompt="a boat")
    return dataclasses.replace(value, plan=dataclasses.replace(value.plan, request=request))


def test_results_of_an_older_version_are_done_again(
    render: Any, lines_of: Any, pipe: TextToImage, tmp_path: Path
) -> None:
    old = {"row": 1, "prompt": "a boat", "resolved_prompt": None, "seed": 3, "status": "done"}
    old |= {"picture": "0001-a-boat.png", "caption": "", "score": 0.5, "accepted": False, "facts": []}
    old |= {"candidates": [], "timings": {}, "error": None}
    (tmp_path / "results.jsonl").write_text(json.dumps(old) + "\n")
    assert render(pipe, tmp_path, "a boat").done == 1
    assert len(lines_of(tmp_path)) == 1 and lines_of(tmp_path)[0]["id"]


def test_outcomes_may_come_in_any_order(render: Any, lines_of: Any, pipe: TextToImage, tmp_path: Path) -> None:
    class Backwards(TextToImage):
        def run(self, requests: Any, *, watch: Any = None, in_order: bool = True) -> Any:
            results: list[Outcome | Failure] = list(super().run(requests, watch=watch))
            yield from results[::-1]

    render(Backwards(pipe.runner, pipe.recipe), tmp_path, *PROMPTS)
    assert [line["row"] for line in lines_of(tmp_path)] == [1, 2, 3, 4, 5]
    assert len([name for name in os.listdir(tmp_path) if name.startswith("000")]) == 3
