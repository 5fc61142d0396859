"""Going on where all was settled: without a pipeline, or with the new rows alone; and never otherwise than the
usual way would."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych import TextToImage
from diptych.pipelines.cli import render, unused_options
from diptych.pipelines.cli.render import run_render
from diptych.pipelines.rendering.output.index import INDEX, last_end
from diptych.pipelines.rendering.rows.tasks import Task

PROMPTS = ("a boat", "poison", "a boat with a hat", "a tree")


class Command:
    """Renders `p.txt`, or another file, into `out`, and counts the pipelines that were made for it."""

    def __init__(self, folder: Path, make: Callable[..., TextToImage]) -> None:
        self.folder, self.made, self._make = folder, 0, make

    def __call__(
        self, *, name: str = "p.txt", out: str = "out", said: str | None = "a fake", **options: Any
    ) -> int:
        def make() -> TextToImage:
            self.made += 1
            return self._make()

        source = os.path.relpath(self.folder / name)
        told = None if said is None else lambda: said
        return run_render(make, source=source, text=None, out=self.folder / out, said_of_pipe=told, **options)

    def write(self, *lines: str, name: str = "p.txt", more: bool = False) -> None:
        with (self.folder / name).open("a" if more else "w", newline="") as file:
            file.write("".join(f"{line}\n" for line in lines))

    def makes_none(self, **options: Any) -> bool:
        before = self.made
        self(**options)
        return self.made == before


@pytest.fixture
def command(make_pipe: Callable[..., TextToImage], tmp_path: Path) -> Command:
    command = Command(tmp_path, make_pipe)
    command.write(*PROMPTS)
    return command


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of rows that were looked at one by one."""
    numbers: list[int] = []
    asked = Task.asked

    def note(self: Task, context: bytes) -> str | None:
        numbers.append(self.number)
        return asked(self, context)

    monkeypatch.setattr(Task, "asked", note)
    return numbers


def test_where_nothing_is_to_be_done_no_pipeline_is_made_and_the_same_is_said(
    command: Command, files_of: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command() == 1 and command.made == 1
    capsys.readouterr()
    before = files_of(command.folder / "out")
    assert command(said=None) == 1 and command.made == 2
    usual = capsys.readouterr()
    assert command() == 1 and command.made == 2
    assert capsys.readouterr() == usual and "failed before: 'poison': refine: " in usual.err
    assert "0 made now, 3 done before (" in usual.out and "1 left something out" in usual.out
    assert files_of(command.folder / "out") == before


def test_what_is_not_used_overridden_failed_or_kept_is_said_again(
    command: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(**options: Any) -> tuple[list[str], list[str]]:
        wishes = {"num_inference_steps": 2, "top_k": 5}
        command(name="p.jsonl", wishes=wishes, seed=3, **options)
        out, err = (stream.replace("usual", "out").splitlines() for stream in capsys.readouterr())
        errors = [line for line in err if line.startswith("diptych: ")]
        return [line for line in out if " rows" in line], errors

    def rows(*prompts: str) -> list[str]:
        return [f'{{"prompt": "{prompt}"{own}}}' for own, prompt in (each.split("|") for each in prompts)]

    def are_alike() -> list[str]:
        """What a run with nothing to do says, without a pipeline as with one."""
        before, (out, err) = command.made, said()
        assert command.made == before and (out, err) == said(out="usual", said=None)
        return out + err

    monkeypatch.setattr(unused_options, "unused", lambda *_: {"top_k": "it is a fake"})
    monkeypatch.setattr(render, "LOOK_AHEAD", 2)  # what is told of later rows is told while they are rendered
    first = rows("|a boat", ', "seed": 9|poison', ', "steps": 1|a tree', "|poison <hypernet:ink:1>", "|a cat")
    for lines in (first, first[:4]):
        command.write(*lines, name="p.jsonl")
        assert said()[0] and said(out="usual", said=None)[0]
    lines = are_alike()
    overridden = ("--seed 3 is not", "--steps 2 is not")
    kept = "1 picture of rows that the source has no more: kept"
    for piece in ("--top-k is not used: it is a fake", *overridden, "before: 'poison <", kept):
        assert sum(piece in line for line in lines) == 1, (piece, lines)
    more = rows(', "steps": 3|a bird', "|poison", "|a cat <lora:pen:1>")
    command.write(*more, name="p.jsonl", more=True)
    assert said() == said(out="usual", said=None)
    assert sum("failed before: " in line for line in are_alike()) == 3


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def same_size(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-30] ^= 1
    path.write_bytes(data)


def swap(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)


@pytest.mark.parametrize("deed", [Path.unlink, cut, same_size, swap])
@pytest.mark.parametrize(
    "name",
    [
        "0001-a-boat.png",
        "0004-a-tree.png",
        "gallery/thumbnails/0003.webp",
        "previews/0001.png",
        "results.jsonl",
        "index.html",
        "contact_sheet.png",
        "gallery/rows-0001.js",
        "gallery/state.js",
        INDEX,
    ],
)
def test_what_is_damaged_or_gone_is_left_to_the_usual_way(
    command: Command, files_of: Any, name: str, deed: Callable[[Path], None]
) -> None:
    in_place = (
        name != "0001-a-boat.png"
        and deed in (cut, same_size)
        and ("/" in name or name in ("index.html", "contact_sheet.png"))
    )
    if in_place or (deed is swap and name in ("index.html", "contact_sheet.png", INDEX)):
        pytest.skip("the usual way takes that for sound, too")
    command()
    before = files_of(command.folder / "out")
    deed(command.folder / "out" / name)
    assert not command.makes_none() and files_of(command.folder / "out") == before
    assert (command.folder / "out" / name).exists()
    command()
    assert command.makes_none()


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"wishes": {"num_inference_steps": 1}},
        {"said": "another fake"},
        {"limit": 2},
        {"only": "1"},
        {"num_images": 2},
        {"retry_failed": True},
        {"fresh": True},
        {"verify": True},
        {"stats": True},
    ],
)
def test_what_is_asked_otherwise_is_left_to_the_usual_way(command: Command, other: dict[str, Any]) -> None:
    command()
    assert not command.makes_none(**other)


def test_a_source_that_changed_is_read_row_by_row(command: Command, looked_at: list[int]) -> None:
    command()
    command.write("a boat", "poison", "a boat with a cap", "a tree", "a cat")
    looked_at.clear()
    assert not command.makes_none() and {*looked_at} == {1, 2, 3, 4, 5}
    command.write(*PROMPTS[:2])
    assert not command.makes_none() and command.makes_none()


def test_a_source_that_changes_while_it_is_rendered_is_not_settled(
    command: Command, make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    def make() -> TextToImage:
        command.write(*PROMPTS, "a cat")
        return make_pipe()

    told: Any = {"text": None, "out": tmp_path / "out", "said_of_pipe": lambda: "a fake"}
    run_render(make, source=os.path.relpath(tmp_path / "p.txt"), **told)
    ended = last_end(tmp_path / "out")
    assert ended is not None and ended.settled is None


def test_wildcards_that_change_are_looked_at(command: Command) -> None:
    (command.folder / "wildcards").mkdir()
    words = command.folder / "wildcards" / "thing.txt"
    words.write_text("boat\n")
    command.write("a __thing__")
    command()
    assert command.makes_none()
    words.write_text("tree\n")
    assert not command.makes_none()
    (line,) = (command.folder / "out" / "results.jsonl").read_text().splitlines()
    assert json.loads(line)["prompt"] == "a tree"


def test_rows_that_name_files_are_always_looked_at(command: Command) -> None:
    command.write('{"prompt": "a boat"}', '{"prompt": "a tree", "image": "missing.png"}', name="p.jsonl")
    command(name="p.jsonl")
    assert not command.makes_none(name="p.jsonl")


GROWING = {
    "p.txt": (
        ["a boat", "# a comment", "", "a {red|blue|green} tree", "poison"],
        ["a {cat|dog}", "a bird --seed 5"],
    ),
    "options.txt": (["--prompt a boat --n_iter 2", "a tree"], ["--prompt a cat --seed 3 --n_iter 2", "a bird"]),
    "p.jsonl": (['{"prompt": "a boat", "seed": 4}', "nonsense"], ['"a tree"', '{"prompt": "a cat", "n": 2}']),
    "p.csv": (["prompt,seed", "a boat,4", '"a, tree",'], ["a cat,7", "a bird,"]),
    "p.yaml": (["- a boat", "- prompt: a tree"], ["  seed: 5", "- a cat"]),
    "info.txt": (
        ["a boat", "Steps: 2, Seed: 3", "", "a tree"],
        ["Steps: 3, Seed: 4", "", "a cat", "Steps: 2, Seed: 1"],
    ),
}


@pytest.mark.parametrize("name", GROWING)
@pytest.mark.parametrize("options", [{}, {"num_images": 2}, {"reading": "combinatorial"}])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_source_that_grows_gives_what_it_would_have_given_at_once(
    command: Command, files_of: Any, looked_at: list[int], name: str, options: dict[str, Any], end: str
) -> None:
    from diptych.pipelines.rendering.rows.prompt_source import ReadOptions

    if options.get("reading"):
        options = {"reading": ReadOptions(combinatorial=True)}
    before, behind = GROWING[name]
    command.write("".join(f"{line}{end}" for line in before).removesuffix("\n"), name=name)
    command(name=name, **options)
    command.write("".join(f"{line}{end}" for line in behind).removesuffix("\n"), name=name, more=True)
    looked_at.clear()
    command(name=name, **options)
    by_lines = name in ("p.txt", "options.txt", "p.jsonl")
    assert (1 not in looked_at) == by_lines and looked_at
    command(name=name, out="at once", said=None, **options)
    assert files_of(command.folder / "out") == files_of(command.folder / "at once")
    assert command.makes_none(name=name, **options)


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ("a boat", " and a tree\n"),
        ("a boat\n", "Steps: 3, Seed: 4\n"),
        ("a boat\na tree", "\na cat\n"),
        ("", "a cat\n"),
    ],
)
def test_a_source_whose_last_row_may_be_another_is_read_row_by_row(
    command: Command, lines_of: Any, before: str, behind: str
) -> None:
    path = command.folder / "p.txt"
    path.write_text(before or "# nothing but this\na tree\n")
    command()
    path.write_text((before or "# nothing but this\na tree\n") + behind)
    command()
    command(out="at once", said=None)
    found, wanted = (
        [{**line, "timings": None} for line in lines_of(command.folder / out)] for out in ("out", "at once")
    )
    assert found == wanted


def test_rows_behind_are_looked_at_alone_only_where_all_before_are_sound(
    command: Command, files_of: Any, looked_at: list[int]
) -> None:
    command()
    command.write("a cat", more=True)
    (command.folder / "out" / "0001-a-boat.png").unlink()
    looked_at.clear()
    command()
    assert {*looked_at} == {1, 2, 3, 4, 5}
    command(out="at once", said=None)
    assert files_of(command.folder / "out") == files_of(command.folder / "at once")


def test_each_source_of_a_folder_is_told_apart(command: Command, lines_of: Any) -> None:
    command.write("a cat", "a bird", name="other.txt")
    command()
    command(name="other.txt")
    assert command.makes_none(name="other.txt") and not command.makes_none() and command.makes_none()
    command.write("a dog", name="other.txt", more=True)
    command(name="other.txt")
    command.write("a fish", name="other.txt", more=True)
    command(name="other.txt")
    assert [(line["row"], line["prompt"]) for line in lines_of(command.folder / "out")][4:] == [
        (5, "a cat"),
        (6, "a bird"),
        (7, "a dog"),
        (8, "a fish"),
    ]


def test_a_run_that_was_broken_off_is_not_settled(command: Command) -> None:
    command()
    path = command.folder / "out" / INDEX
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    assert not command.makes_none() and command.makes_none()
    path.write_bytes(path.read_bytes()[:-9])
    assert not command.makes_none() and command.makes_none()
