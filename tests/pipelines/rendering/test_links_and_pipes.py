"""What lies in a folder, or is named as a source, and is no plain file: refused at once, and never followed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych import InputError, PromptFileError, TextToImage
from diptych.pipelines.files import write_atomically
from diptych.pipelines.rendering.output.index import INDEX
from diptych.pipelines.rendering.output.lock import LOCK, FolderLock
from diptych.pipelines.rendering.provenance.provenance import read_history
from diptych.pipelines.rendering.rows.prompt_source import read_source

FILES = ("results.jsonl", "index.html", "contact_sheet.png", LOCK, INDEX)
FOLDERS = ("previews", "gallery", "gallery/thumbnails")


@pytest.mark.parametrize("name", FILES)
def test_a_link_where_a_file_is_written_is_not_followed(
    render: Any, pipe: TextToImage, tmp_path: Path, name: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    out = tmp_path / "out"
    out.mkdir()
    (out / name).symlink_to(victim)
    with pytest.raises(InputError, match=f"{name}: is a link where a file must be: move it"):
        render(pipe, out, "a boat")
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("name", FOLDERS)
def test_a_link_where_a_folder_is_written_is_not_followed(
    render: Any, pipe: TextToImage, tmp_path: Path, name: str
) -> None:
    elsewhere, out = tmp_path / "elsewhere", tmp_path / "out"
    elsewhere.mkdir()
    (out / name).parent.mkdir(parents=True)
    (out / name).symlink_to(elsewhere)
    with pytest.raises(InputError, match=f"{name}: is a link where a folder must be: move it"):
        render(pipe, out, "a boat")
    assert os.listdir(elsewhere) == []


def test_a_picture_s_name_that_is_a_link_becomes_a_picture(
    render: Any, pipe: TextToImage, tmp_path: Path
) -> None:
    victim, out = tmp_path / "victim", tmp_path / "out"
    victim.write_text("precious")
    out.mkdir()
    (out / "0001-a-boat.png").symlink_to(victim)
    (out / f".0001-a-boat.png.{os.getpid()}.part").symlink_to(victim)
    assert render(pipe, out, "a boat").done == 1
    assert victim.read_text() == "precious" and not (out / "0001-a-boat.png").is_symlink()


def test_a_lock_and_a_file_aside_are_not_written_through_links(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / LOCK).symlink_to(victim)
    with pytest.raises(OSError, match="symbolic link"):
        FolderLock(tmp_path)
    (tmp_path / f".x.{os.getpid()}.part").symlink_to(victim)
    write_atomically(tmp_path / "x", b"new")
    assert victim.read_text() == "precious" and (tmp_path / "x").read_bytes() == b"new"


@pytest.mark.parametrize("name", FILES)
def test_a_pipe_in_the_folder_is_not_waited_for(
    render: Any, pipe: TextToImage, tmp_path: Path, name: str
) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=f"{name}: is a pipe where a file must be"):
        render(pipe, tmp_path, "a boat")


def a_pipe(folder: Path, name: str) -> Path:
    os.mkfifo(folder / name)
    return folder / name


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: a_pipe(folder, "prompts.txt"),
        lambda folder: a_pipe(folder, "results.jsonl"),
        lambda folder: a_pipe(folder, "picture.png"),
        lambda folder: Path("/dev/zero"),
        lambda folder: Path("/dev/full"),
    ],
)
def test_a_source_without_end_is_refused_at_once(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    with pytest.raises(PromptFileError, match="give - and let it be standard input") as caught:
        list(read_source(str(make(tmp_path))))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", [lambda folder: a_pipe(folder, "x.png"), lambda folder: Path("/dev/zero")])
def test_a_picture_without_end_is_refused_at_once(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    with pytest.raises(InputError, match=r"cannot be read \(is a (pipe|device), not a file\)"):
        read_history(make(tmp_path))


def test_what_a_shell_hands_over_is_read(tmp_path: Path) -> None:
    code = "import sys; from diptych.prompts.reader import read_prompts; print([*read_prompts(sys.argv[1])])"
    command = f"{sys.executable} -c '{code}' <(echo a boat)"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "prompt='a boat'" in done.stdout, done.stderr


@pytest.mark.parametrize("depth", [60, 99, 600, 5000, 100_000])
def test_notes_of_any_depth_stop_nothing(
    render: Any, lines_of: Any, pipe: TextToImage, tmp_path: Path, depth: int
) -> None:
    source = tmp_path / "p.jsonl"
    deep = '{"prompt": "a boat", "note": ' + '{"a": [' * depth + "1" + "]}" * depth + "}"
    source.write_text(f'{deep}\n{{"prompt": "a tree"}}\n')
    for _ in range(2):
        render(pipe, tmp_path / "out", rows=read_source(str(source)), name=str(source))
        assert lines_of(tmp_path / "out")[-1]["status"] == "done"
    source.with_suffix(".json").write_text(f'[{{"prompt": "a tree"}}, {deep}]')
    with_json = read_source(str(source.with_suffix(".json")))
    assert next(with_json).prompt == "a tree"


@pytest.mark.parametrize(
    "error", [RuntimeError("a loop"), RecursionError(), MemoryError(), SyntaxError("x"), KeyError(1)]
)
def test_whatever_a_row_s_request_raises_the_others_are_rendered(
    render: Any,
    lines_of: Any,
    pipe: TextToImage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    request = pipe.request

    def sometimes(prompt: str, **options: Any) -> Any:
        if prompt == "a bad one":
            raise error
        return request(prompt, **options)

    monkeypatch.setattr(pipe, "request", sometimes)
    tally = render(pipe, tmp_path, "a boat", "a bad one", "a tree")
    assert (tally.done, tally.failed) == (2, 1)
    assert lines_of(tmp_path)[1]["error"].startswith(f"p.txt:2: {type(error).__name__}")


@pytest.mark.parametrize(
    "where",
    [
        "diptych.pipelines.rendering.batch.identity",
        "diptych.pipelines.rendering.batch.records.done",
        "diptych.pipelines.rendering.batch.small_pictures",
        "diptych.pipelines.rendering.gallery.gallery._row",
    ],
)
def test_whatever_goes_wrong_about_a_row_stops_nothing(
    render: Any, lines_of: Any, pipe: TextToImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    import importlib

    module, _, name = where.rpartition(".")
    owner: Any = (
        importlib.import_module(module)
        if "records" not in module
        else importlib.import_module("diptych.pipelines.rendering.output.record")
    )
    healthy = getattr(owner, name)

    def sometimes(first: Any, *more: Any, **named: Any) -> Any:
        prompt = getattr(first, "prompt", None) or first.request.prompt
        if prompt == "a bad one":
            raise ValueError("no such thing")
        return healthy(first, *more, **named)

    monkeypatch.setattr(owner, name, sometimes)
    tally = render(pipe, tmp_path, "a boat", "a bad one", "a tree")
    in_gallery_alone = name == "_row"
    assert (tally.done, tally.failed) == ((3, 0) if in_gallery_alone else (2, 1))
    if not in_gallery_alone:
        assert "no such thing" in lines_of(tmp_path)[1]["error"]


def test_a_loop_of_links_as_a_picture_fails_its_row_alone(
    render: Any, lines_of: Any, pipe: TextToImage, tmp_path: Path
) -> None:
    for one, other in (("a.png", "b.png"), ("b.png", "a.png")):
        (tmp_path / one).symlink_to(other)
    a_pipe(tmp_path, "pipe.png")
    source = tmp_path / "p.jsonl"
    rows = [
        {"prompt": "a boat", "image": "a.png"},
        {"prompt": "a boat", "image": "pipe.png"},
        {"prompt": "a tree"},
    ]
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    tally = render(pipe, tmp_path / "out", rows=read_source(str(source)), name=str(source))
    assert (tally.done, tally.failed) == (1, 2)
