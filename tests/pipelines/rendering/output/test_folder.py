"""The output folder: what may not be in it, what is swept out of it, and that it is still the same."""

import os
import shutil
from pathlib import Path

import pytest

from diptych import InputError
from diptych.pipelines.rendering.output.folder import OutputFolder


@pytest.mark.parametrize("name", ["results.jsonl", "index.html", "contact_sheet.png"])
def test_a_folder_where_a_file_must_be_is_found_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=rf"{name}: is a folder where a file must be"):
        OutputFolder(tmp_path)


@pytest.mark.parametrize("name", ["previews", "gallery"])
def test_a_file_where_a_folder_must_be_is_found_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=rf"{name}: is a file where a folder must be"):
        OutputFolder(tmp_path)
    assert (tmp_path / name).read_text() == "mine"


def test_what_a_killed_run_wrote_aside_is_swept_out_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "previews").mkdir()
    (tmp_path / "gallery" / "thumbnails").mkdir(parents=True)
    aside = [".0001-a.png.77.part", "previews/.0001.png.77.part", "gallery/thumbnails/.0001.webp.77.part"]
    mine = [".hidden", "letter.part", ".letter.part", "previews/.x.part"]
    for name in (*aside, *mine):
        (tmp_path / name).write_text("half")
    OutputFolder(tmp_path).close()
    assert not [name for name in aside if (tmp_path / name).exists()]
    assert all((tmp_path / name).exists() for name in mine)


@pytest.mark.parametrize("again", [True, False])
def test_nothing_is_written_where_the_folder_was(tmp_path: Path, again: bool) -> None:
    """It was removed, or unmounted, so that another lies at its path."""
    out = tmp_path / "out"
    with OutputFolder(out) as folder:
        folder.write("sub/a", b"1")
        shutil.rmtree(out)
        if again:
            out.mkdir()
        with pytest.raises(OSError, match=r"replaced, or unmounted|No such file"):
            folder.write("sub/b", b"2")
    assert not again or os.listdir(out) == []
    assert again or not out.exists()
