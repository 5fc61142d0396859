"""Pictures made again from what stands in their files.

With the pocket models and more pictures, in other company than at first:

    diptych render prompts/library/demo.txt --limit 20 --deterministic -o out/first
    ls out/first/0*.png | shuf | xargs diptych rerender -o out/again
"""

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import pytest

from diptych import InputError, TextToImage
from diptych.pipelines.cli.rerender import run_rerender
from diptych.pipelines.pictures.texts import texts_of
from diptych.pipelines.rendering.provenance.provenance import CHUNK, picture_bytes
from diptych.pipelines.rendering.provenance.rerender import rerender


@pytest.fixture
def exact(make_pipe: Callable[..., TextToImage]) -> TextToImage:
    return make_pipe(batch_invariant=True)


@pytest.fixture
def pictures(render: Any, exact: TextToImage, tmp_path: Path) -> list[Path]:
    render(exact, tmp_path / "out", *[f"a boat {i}" for i in range(20)], candidates=2, accept=1.0, rounds=2)
    return sorted((tmp_path / "out").glob("00*.png"))


def test_pictures_of_a_batch_come_out_the_same(pictures: list[Path], exact: TextToImage) -> None:
    for again in rerender(pictures, make_pipe=lambda history: exact):
        assert again.data == again.path.read_bytes()
        assert (again.difference, again.changes, again.as_promised) == ("", (), True)
    (alone,) = rerender(pictures[16:17], make_pipe=lambda history: exact)
    assert alone.data == pictures[16].read_bytes()


def test_what_is_not_as_it_was_is_named(
    pictures: list[Path], exact: TextToImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = exact.environment()

    def later(pipe: TextToImage) -> Any:
        versions = {**environment.versions, "torch": "9.9"}
        return dataclasses.replace(environment, versions=versions, revisions={"pocket/refiner": "b" * 16})

    monkeypatch.setattr(TextToImage, "environment", later)
    (again,) = rerender(pictures[:1], make_pipe=lambda history: exact)
    torch = environment.versions["torch"]
    assert again.changes == (
        f"torch {torch} then, 9.9 now",
        f"weights of pocket/refiner None then, {'b' * 16} now",
    )
    assert again.difference == "the same pixels in another file" and again.as_promised


@pytest.mark.parametrize(("change", "kept"), [(1, False), (90, False)])
def test_pixels_that_differ_are_counted(
    pictures: list[Path], exact: TextToImage, change: int, kept: bool
) -> None:
    path = pictures[0]
    chunks = PIL.PngImagePlugin.PngInfo()
    for key, text in texts_of(path).items():
        chunks.add_text(key, text)
    with PIL.Image.open(path) as image:
        pixels = np.asarray(image).copy()
    pixels[0, 0, 0] ^= change
    PIL.Image.fromarray(pixels).save(path, pnginfo=chunks)
    (again,) = rerender([path], make_pipe=lambda history: exact)
    assert "% of the pixels differ, by at most" in again.difference and again.as_promised is kept


def test_outside_the_deterministic_mode_one_of_255_is_as_promised(
    render: Any, pipe: TextToImage, tmp_path: Path
) -> None:
    render(pipe, tmp_path, "a boat")
    path = tmp_path / "0001-a-boat.png"
    chunks = PIL.PngImagePlugin.PngInfo()
    chunks.add_text(CHUNK, texts_of(path)[CHUNK])
    with PIL.Image.open(path) as image:
        pixels = np.asarray(image).copy()
    for step, kept in ((1, True), (3, False)):
        pixels[0, 0, 0] += step
        PIL.Image.fromarray(pixels).save(path, pnginfo=chunks)
        (again,) = rerender([path], make_pipe=lambda history: pipe)
        assert again.difference and again.as_promised is kept


def test_a_picture_of_an_earlier_format_is_made_again_and_that_is_said(
    pictures: list[Path], exact: TextToImage
) -> None:
    path = pictures[0]
    history = json.loads(texts_of(path)[CHUNK])
    history["format"] = 1
    del history["plan"]["left_out"]
    history["plan"]["facts"] = [{"kind": f["kind"], "text": f["text"]} for f in history["plan"]["facts"]]
    chunks = PIL.PngImagePlugin.PngInfo()
    chunks.add_text(CHUNK, json.dumps(history))
    with PIL.Image.open(path) as image:
        image.load()
    image.save(path, pnginfo=chunks)
    (again,) = rerender([path], make_pipe=lambda history: exact)
    assert again.difference == "the same pixels in another file" and again.as_promised
    assert again.changes == ("format of the file 1 then, 2 now",)


def test_rounds_that_a_limit_of_time_decided_are_as_many_again(
    render: Any, make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    ticks = iter(range(10_000))
    pipe = make_pipe(batch_invariant=True, clock=lambda: float(next(ticks)))
    render(pipe, tmp_path, "a boat", accept=1.0, rounds=50, candidates=2, seconds=60.0)
    path = tmp_path / "0001-a-boat.png"
    (again,) = rerender([path], make_pipe=lambda history: make_pipe(batch_invariant=True))
    assert again.difference == ""


def test_a_picture_that_cannot_be_made_says_why(
    pictures: list[Path], make_pipe: Callable[..., TextToImage]
) -> None:
    pipe = make_pipe(batch_invariant=True)

    def fail(value: Any) -> Any:
        raise ValueError("no paint left")

    pipe.runner.chain.stages[2].make = fail  # pyright: ignore[reportAttributeAccessIssue]
    (again,) = rerender(pictures[:1], make_pipe=lambda history: pipe)
    assert again.data is None and again.difference == "refine: no paint left" and not again.as_promised


def test_a_history_that_asks_for_what_cannot_be_is_refused(
    pipe: TextToImage, exact: TextToImage, tmp_path: Path
) -> None:
    outcome = pipe("a boat", seed=3).outcomes[0]
    data = picture_bytes(outcome, pipe.environment()).replace(b'"height": 32', b'"height": -2')
    path = tmp_path / "a.png"
    info = PIL.PngImagePlugin.PngInfo()
    start = data.index(b'{"format"')
    info.add_text(CHUNK, data[start : data.index(b"IDAT") - 8].decode())
    outcome.image.save(path, pnginfo=info)
    with pytest.raises(InputError, match=r"no valid request: height = -2"):
        list(rerender([path], make_pipe=lambda history: exact))


def test_the_command_writes_the_pictures_and_says_how_they_came_out(
    pictures: list[Path], exact: TextToImage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "again"
    assert run_rerender(pictures[:3], out, make_pipe=lambda history: exact) == 0
    assert sorted(os.listdir(out)) == [path.name for path in pictures[:3]]
    assert capsys.readouterr().out.count("the same, byte for byte") == 3
    assert run_rerender(pictures[:1], tmp_path / "b.png", make_pipe=lambda history: exact) == 0
    assert (tmp_path / "b.png").read_bytes() == pictures[0].read_bytes()


def test_a_picture_is_never_written_over(pictures: list[Path], exact: TextToImage, tmp_path: Path) -> None:
    for paths, out, message in (
        (pictures[:1], pictures[0].parent, "is the picture itself"),
        (pictures[:2], tmp_path / "a.png", "is one file for 2 pictures"),
        ([pictures[0], tmp_path / "else" / pictures[0].name], tmp_path, "would have this name"),
        (pictures[:1], tmp_path / "a.jpg", "leave out .jpg"),
    ):
        with pytest.raises(InputError, match=message):
            run_rerender(paths, out, make_pipe=lambda history: exact)


def test_with_the_pocket_models_pictures_come_out_the_same_in_other_company(
    render: Any, tmp_path: Path
) -> None:
    pipe = TextToImage.from_recipe("pocket", device="cpu", deterministic=True, micro_batch=2, wave=2)
    render(pipe, tmp_path, "a red boat", "a blue bird", "a green tree", num_inference_steps=1)
    first, _, third = sorted(tmp_path.glob("0*.png"))
    results = list(rerender([third, first]))
    assert [(again.path, again.difference) for again in results] == [(third, ""), (first, "")]
