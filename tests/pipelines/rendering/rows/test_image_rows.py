"""Rows that start from a picture: which fields go together, which files are read, what is written down."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch

from diptych import InputError, TextToImage
from diptych.engine.values import Fact, Span
from diptych.engine.values.start import Start, Wording
from diptych.pipelines.rendering.batch import Source, render_tasks
from diptych.pipelines.rendering.provenance.identity import identity
from diptych.pipelines.rendering.provenance.provenance import picture_bytes, read_history, read_made_of
from diptych.pipelines.rendering.provenance.rerender import rerender
from diptych.pipelines.rendering.provenance.start_text import parse_start, start_text
from diptych.pipelines.rendering.rows.image_rows import beside, check_fields, image_request
from diptych.pipelines.rendering.rows.picture_files import pictures_of
from diptych.pipelines.rendering.rows.prompt_source import read_source
from diptych.pipelines.rendering.rows.request_makers import OfPipeline, WithoutPipeline
from diptych.pipelines.rendering.rows.tasks import Task, tasks_of
from diptych.prompts.reader import read_prompts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of the size that is painted, in a folder of its own."""
    place = tmp_path / "prompts"
    place.mkdir()
    PIL.Image.new("RGB", (48, 32), "orange").save(place / "boat.png")
    mask = PIL.Image.new("L", (48, 32))
    mask.paste(255, (0, 0, 24, 32))
    mask.save(place / "mask.png")
    PIL.Image.new("RGB", (48, 32)).save(tmp_path / "secret.png")
    return place


def tasks(pipe: TextToImage, folder: Path, *rows: dict[str, Any]) -> Iterator[Task]:
    file = folder / "rows.jsonl"
    file.write_text("".join(f"{json.dumps({'prompt': 'a boat', **row})}\n" for row in rows), encoding="utf-8")
    return tasks_of(OfPipeline(pipe), read_prompts(file))


def start_of(pipe: TextToImage, folder: Path, **fields: Any) -> Start:
    (task,) = tasks(pipe, folder, fields)
    assert task.request is not None, task.fault
    assert task.request.prompt == "a boat" and task.request.start is not None
    return task.request.start


def test_fields_say_what_is_started_from(pipe: TextToImage, folder: Path) -> None:
    plain = start_of(pipe, folder, image="boat.png", strength=0.25)
    assert plain.picture is not None and plain.picture[0, 0].tolist() == [255, 165, 0]
    assert plain.strength == plain.redraw == 0.25 and plain.mask is None
    masked = start_of(pipe, folder, image="boat.png", mask="mask.png")
    boxed = start_of(pipe, folder, image="boat.png", mask="0,0,24,32")
    assert masked == boxed and masked.mask is not None and masked.mask.float().mean() == 0.5
    varied = start_of(pipe, folder, image="boat.png", variation=0.5)
    assert isinstance(varied.redraw, torch.Tensor) and varied.redraw.float().mean() == 0.5
    wide = start_of(pipe, folder, image="boat.png", margins="24,16,24,16")
    assert wide.mask is not None and 0.75 < wide.mask.float().mean() < 0.81  # with the rim
    edited = start_of(pipe, folder, image="boat.png", edit="at night")
    assert edited.wording is not None and edited.wording.prompt == "a boat, at night"
    drawn = start_of(pipe, folder, sketch="boat.png")
    assert drawn.strength == 1.0 and drawn.redraw == 0.5


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"strength": 0.5}, "strength cannot stand alone: a row may have image, strength"),
        ({"image": "boat.png", "sketch": "boat.png"}, "image, sketch do not go together"),
        ({"image": "boat.png", "strength": 7}, "strength = 7: must lie between 0 and 1"),
        ({"image": "nowhere.png"}, "nowhere.png: no such file: paths are relative to the prompt file"),
        ({"image": "../secret.png"}, "'../secret.png' lies outside of the prompt file's folder"),
        ({"image": "/etc/passwd"}, "'/etc/passwd' lies outside of the prompt file's folder"),
        ({"image": "rows.jsonl"}, "rows.jsonl: is no picture of a kind that is read"),
        ({"image": "boat.png", "mask": "1,2,3"}, "write left,top,right,bottom in pixels"),
        ({"image": "boat.png", "mask": "boat"}, "recipe fake has no drafter to ask where things are"),
        ({"image": "boat.png", "edit": "frobnicate"}, "'frobnicate' changes nothing that is understood"),
    ],
)
def test_a_row_that_cannot_start_is_a_fault_of_one_line(
    pipe: TextToImage, folder: Path, fields: dict[str, Any], fault: str
) -> None:
    good, bad = tasks(pipe, folder, {}, fields)
    assert good.request is not None and bad.request is None
    assert fault in bad.fault and "\n" not in bad.fault


def test_a_link_does_not_lead_out_of_the_folder(folder: Path) -> None:
    (folder / "link.png").symlink_to(folder.parent / "secret.png")
    with pytest.raises(InputError, match="lies outside"):
        beside("link.png", folder)
    assert beside("boat.png", folder) == folder / "boat.png"
    (folder / "loop.png").symlink_to(folder / "loop.png")
    with pytest.raises(InputError, match=r"loop\.png: cannot be read .Too many levels of symbolic links"):
        beside("loop.png", folder)


def test_files_of_a_snapshot_of_the_hub_lie_in_it_though_they_are_links(tmp_path: Path) -> None:
    snapshot, blobs = tmp_path / "datasets--a--b" / "snapshots" / "0123", tmp_path / "datasets--a--b" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for name, content in (("boat.png", b"boat"), ("p.txt", b"a boat\n")):
        (blobs / name[:3]).write_bytes(content)
        (snapshot / name).symlink_to(f"../../blobs/{name[:3]}")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (snapshot / "out.png").symlink_to(tmp_path / "secret.png")
    assert beside("boat.png", snapshot) == snapshot / "boat.png"
    assert [row.prompt for row in read_prompts(snapshot)] == ["a boat"]
    assert [file.path for file in pictures_of([snapshot]) if file.fault is None] == [snapshot / "boat.png"]
    with pytest.raises(InputError, match="lies outside"):
        beside("out.png", snapshot)


def test_links_of_a_snapshot_of_the_hub_are_followed(folder: Path, tmp_path: Path) -> None:
    repository = tmp_path / "datasets--someone--prompts"
    snapshot, blobs = repository / "snapshots" / "abc" / "boats", repository / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for name in ("mine.csv", "boat.png"):
        (blobs / name).write_bytes(b"1")
        (snapshot / name).symlink_to(blobs / name)
    assert beside("boat.png", snapshot) == snapshot / "boat.png"
    (snapshot / "other.png").symlink_to(folder / "boat.png")
    for name in ("other.png", "../../../blobs/boat.png"):
        with pytest.raises(InputError, match="lies outside"):
            beside(name, snapshot)
    assert [file.path for file in pictures_of([snapshot]) if file.fault is None] == [snapshot / "boat.png"]


def test_an_enormous_picture_is_refused_before_it_is_read(pipe: TextToImage, folder: Path) -> None:
    PIL.Image.new("1", (20_000, 20_000)).save(folder / "bomb.png")
    PIL.Image.new("1", (9000, 10)).save(folder / "long.png")
    for name, message in (("bomb.png", "is 20000 x 20000 pixels"), ("long.png", "is 9000 x 10 pixels")):
        with pytest.raises(InputError, match=message):
            image_request(pipe, "a boat", {"image": name}, folder, seed=0, row=1)


def test_a_row_is_another_when_the_bytes_of_its_picture_are(pipe: TextToImage, folder: Path) -> None:
    def name() -> str:
        (task,) = tasks(pipe, folder, {"image": "boat.png"})
        assert task.request is not None
        return identity(task.request, pipe.environment())

    before = name()
    assert name() == before
    PIL.Image.new("RGB", (48, 32), "navy").save(folder / "boat.png")
    assert name() != before


WHOLE = Start(
    picture=torch.arange(32 * 48 * 3).reshape(32, 48, 3).to(torch.uint8),
    mask=torch.arange(32 * 48).reshape(32, 48) % 3 == 0,
    strength=0.5,
    tokens=torch.arange(64).reshape(8, 8),
    redraw=torch.arange(64).reshape(8, 8) % 2 == 0,
    former="a boat",
    wording=Wording(
        prompt="a boat at night",
        facts=(
            Fact(kind="thing", text="a boat", span=Span(start=0, end=6, text="a boat")),
            Fact(kind="setting", text="at night", asked=False),
        ),
        left_out=(Span(start=14, end=17, text="hat"), Span.elsewhere("furry")),
    ),
    shows="a blue boat",
    blend=True,
    lean=2.5,
)


@pytest.mark.parametrize("start", [WHOLE, Start(wording=WHOLE.wording), Start(tokens=WHOLE.tokens, redraw=0.5)])
def test_a_start_is_the_same_after_it_was_written(start: Start) -> None:
    read = parse_start(start_text(start), "here")
    assert read == start and (read.shows, read.wording) == (start.shows, start.wording)


def test_a_start_of_an_earlier_version_has_nothing_but_asked_facts() -> None:
    said = {"prompt": "a boat at night", "facts": [{"kind": "setting", "text": "at night"}]}
    empty = dict.fromkeys(("picture", "mask", "tokens")) | {"strength": 1.0, "redraw": 1.0, "former": ""}
    read = parse_start(json.dumps({**empty, "wording": said}), "here").wording
    assert read == Wording(prompt="a boat at night", facts=(Fact(kind="setting", text="at night"),))


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json", '{"picture": "AAAA", "mask": null}'])
def test_a_damaged_start_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"x\.png: what it started from is damaged"):
        parse_start(text, "x.png")


def test_a_picture_says_what_it_started_from_and_is_made_again_from_that(
    pipe: TextToImage, folder: Path, tmp_path: Path
) -> None:
    rows = tasks(pipe, folder, {"image": "boat.png", "mask": "0,0,24,32"}, {})
    out = tmp_path / "out"
    tally = render_tasks(pipe, rows, out, source=Source(name="rows", title="rows"))
    assert tally.all_done
    path = out / "0001-a-boat.png"
    (folder / "boat.png").unlink()  # from here on the picture is enough
    history: Any = read_history(path)["request"].get("start")
    start = read_made_of(path).start
    assert start is not None and history["may_change"] == 0.5 and history["id"] == start.digest
    with pytest.raises(InputError, match="does not say what it started from"):
        read_made_of(out / "0002-a-boat.png")
    (again,) = rerender([path], make_pipe=lambda history: pipe)
    assert again.difference == ""
    for source in (path, out / "results.jsonl"):
        first, *_ = tasks_of(OfPipeline(pipe), read_source(str(source)))
        assert first.request is not None, first.fault
        assert first.request.start == read_made_of(path).start


def test_a_row_keeps_what_its_picture_shows_and_is_made_again_the_same(
    pocket_pipe: TextToImage, folder: Path, tmp_path: Path
) -> None:
    boat = pocket_pipe("a red boat in the city", seed=3, num_inference_steps=1).outcomes[0]
    (folder / "city.png").write_bytes(picture_bytes(boat, pocket_pipe.environment()))
    file = folder / "city.jsonl"
    wish = {"prompt": "a green boat", "image": "city.png", "strength": 0.6, "num_inference_steps": 1}
    file.write_text(json.dumps(wish))
    rows, out = tasks_of(OfPipeline(pocket_pipe), read_prompts(file)), tmp_path / "out"
    source = Source(name="city", title="city")
    assert render_tasks(pocket_pipe, rows, out, source=source).all_done
    (path,) = out.glob("0001-*.png")
    plan: Any = read_history(path)["plan"]
    assert plan["prompt"] == "a green boat in the middle, in the city"
    assert {fact["text"] for fact in plan["facts"] if fact["asked"]} == {"a boat", "a green boat"}
    (folder / "city.png").unlink()  # what it shows is found anew
    (again,) = rerender([path], make_pipe=lambda history: pocket_pipe)
    assert again.as_promised and again.difference == ""


def test_without_models_fields_are_checked_all_the_same(folder: Path) -> None:
    file = folder / "rows.jsonl"
    file.write_text('{"prompt": "a", "image": "boat.png"}\n{"prompt": "a", "image": "none.png"}\n')
    good, bad = tasks_of(WithoutPipeline(), read_prompts(file))
    assert good.request is not None and "none.png: no such file" in bad.fault
    with pytest.raises(InputError, match="margins cannot stand alone"):
        check_fields({"margins": "3"}, folder)
    with pytest.raises(InputError, match="strength = 7: must lie between 0 and 1"):
        check_fields({"image": "boat.png", "strength": 7}, folder)
