"""Results: one row for each picture that was asked for, in a few lines, and as pictures in a notebook."""

import io
from collections.abc import Callable

import numpy as np
import PIL.Image
import pytest
import torch

from diptych import DiptychError, Failure, Outcome, TextToImage
from diptych.engine.errors import Cancelled


def test_a_result_is_as_long_as_what_was_asked_for(pipe: TextToImage) -> None:
    out = pipe(["a boat", "poison", "a tree"], num_images_per_prompt=2)
    assert len(out) == len(out.images) == 6
    assert [image is None for image in out.images] == [False, False, True, True, False, False]
    assert [each.request.row for each in out] == [1, 2, 3, 4, 5, 6]
    assert isinstance(out[0], Outcome) and isinstance(out[2], Failure) and out[-1] is out.rows[5]
    assert out[1:3] == out.rows[1:3]
    with pytest.raises(DiptychError, match=r"row 3: refine: .*poison \(2 of 6 rows failed\)"):
        out.raise_for_failures()
    fine = pipe("a boat")
    assert fine.raise_for_failures() is fine


def test_pictures_come_as_arrays_where_they_are_asked_for(pipe: TextToImage) -> None:
    pil = pipe(["a", "b"]).images
    np_images, pt_images = pipe(["a", "b"], output_type="np").images, pipe(["a", "b"], output_type="pt").images
    assert np_images.shape == (2, 32, 48, 3) and np_images.dtype == np.float32
    assert pt_images.shape == (2, 3, 32, 48) and pt_images.dtype == torch.float32
    assert np_images.min() >= 0 and np_images.max() <= 1
    assert np.array_equal((np_images[1] * 255).round().astype(np.uint8), np.asarray(pil[1]))
    assert np.array_equal(pt_images.permute(0, 2, 3, 1).numpy(), np_images)
    some = pipe(["a", "poison"], output_type="np").images
    assert isinstance(some, list) and some[0].shape == (32, 48, 3) and some[1] is None


def test_a_result_is_shown_in_a_line_for_each_row(pipe: TextToImage) -> None:
    shown = repr(pipe(["a boat\nwith <b>", "poison", "a hat " * 500]))
    head, first, second, third = shown.splitlines()
    assert head == "RenderResult: 2 pictures, 1 failed"
    assert "score" in first and "seed" in first and "'a boat with <b>'" in first
    assert "failed" in second and "poison" in second
    assert "not drawn: hat" in third and len(third) < 300
    many = repr(pipe([f"boat {i}" for i in range(30)]))
    assert len(many) < 4000 and many.endswith("... and 18 more")


def test_a_notebook_shows_one_picture_as_it_is_and_several_side_by_side(pipe: TextToImage) -> None:
    one = pipe("a boat")
    png = one._repr_png_()
    assert png is not None and one._repr_html_() is None
    assert PIL.Image.open(io.BytesIO(png)).tobytes() == one.images[0].tobytes()
    several = pipe(["<script>alert(1)</script>", "poison & <b>"])
    page = several._repr_html_()
    assert page is not None and several._repr_png_() is None
    assert "<script>" not in page and "&lt;script&gt;" in page and "&amp; &lt;b&gt;" in page
    assert page.count("<img ") == 1
    big = pipe([f"a {i}" for i in range(40)], height=512, width=512)
    assert len(big._repr_html_() or "") < 400_000 and "and 28 more" in (big._repr_html_() or "")


def test_a_large_picture_is_shown_smaller(make_pipe: Callable[..., TextToImage]) -> None:
    png = make_pipe()("a boat", height=2048, width=1024)._repr_png_()
    assert png is not None and PIL.Image.open(io.BytesIO(png)).size == (512, 1024)


def test_a_call_that_is_stopped_before_anything_is_finished_raises(pipe: TextToImage) -> None:
    class Stop:
        def on_progress(self, stage: str, done: int, total: int, fraction: float, /) -> None:
            return None

        def cancelled(self) -> bool:
            return True

    with pytest.raises(Cancelled):
        pipe("a boat", watch=Stop())
