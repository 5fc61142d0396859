"""Checkpoint folders: found by name, and refused in one line where they are not what they should be."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from diptych.engine.errors import CheckpointError
from diptych.engine.models.checkpoint.folder import (
    folder_of,
    parameter_count,
    read_config,
    read_header,
    read_json,
    shown_name,
    weight_files,
)
from diptych.engine.models.checkpoint.roots import ROOTS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint of two parts, of 2 · 3 + 4 and 5 numbers."""
    (tmp_path / "part").mkdir()
    save_file({"a": torch.zeros(2, 3), "b": torch.zeros(4).half()}, tmp_path / "model.safetensors")
    save_file({"c": torch.zeros(5)}, tmp_path / "part" / "model.safetensors", metadata={"format": "pt"})
    return tmp_path


def refusal(checkpoint: str) -> str:
    with pytest.raises(CheckpointError) as caught:
        folder_of(checkpoint)
    message = str(caught.value)
    assert "\n" not in message and message.startswith(f"{shown_name(checkpoint)}: no such checkpoint")
    return message


def test_a_pocket_checkpoint_lies_in_the_package() -> None:
    assert folder_of("pocket/planner") == ROOTS["pocket"].folder / "planner"
    assert folder_of("pocket/refiner/unet").is_dir()


def test_any_other_checkpoint_is_a_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder_of(str(folder)) == folder
    monkeypatch.setenv("HOME", str(folder))
    assert folder_of("~/part") == folder / "part"


@pytest.mark.parametrize(
    "name",
    ["planer", "../../world", "planner/../../world", "..", "", ".", "/tmp", "/", "planner/config.json", "a\0b"],
)
def test_no_name_leads_out_of_the_pocket(name: str) -> None:
    assert "diptych train all" in refusal(f"pocket/{name}")


@pytest.mark.parametrize("name", ["no-such-folder", "~nobody-of-this-name/model", "", "a\0b"])
def test_a_folder_that_is_not_there_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if name:
        assert "give the folder of a checkpoint" in refusal(name)


def test_numbers_are_counted_over_all_parts(folder: Path) -> None:
    assert [path.relative_to(folder).as_posix() for path in weight_files(folder)] == [
        "model.safetensors",
        "part/model.safetensors",
    ]
    assert read_header(folder / "model.safetensors")["a"]["shape"] == [2, 3]
    assert parameter_count(folder) == 15


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has no \.safetensors file"):
        weight_files(tmp_path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.ckpt", "unet/model.pkl"])
def test_a_pickle_is_refused_as_such(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"\x80\x04.")
    with pytest.raises(
        CheckpointError, match=r"is a pickle, which can run any code when opened: save it as safe"
    ):
        parameter_count(tmp_path)


def test_a_file_cut_off_anywhere_is_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="is damaged or cut off: copy the checkpoint again"):
            parameter_count(folder)
    path.write_bytes(whole + b"\0")
    with pytest.raises(CheckpointError):
        parameter_count(folder)
    path.write_bytes(whole)
    assert parameter_count(folder) == 15


def header_file(path: Path, header: Any, *, data: int = 0) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(data))
    return path


@pytest.mark.parametrize(
    "header",
    [
        [],
        3,
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        {"a": 1},
        {"a": {"shape": [1]}},
        {"a": {"data_offsets": [0, 4]}},
        {"a": {"shape": [1], "data_offsets": []}},
        {"a": {"shape": [1], "data_offsets": ["0", "4"]}},
        {"a": {"shape": ["1"], "data_offsets": [0, 4]}},
        {"a": {"shape": [-1], "data_offsets": [0, 4]}},
        {"a": {"shape": 1, "data_offsets": [0, 4]}},
        {"a": {"shape": [1], "data_offsets": [0, 4.5]}},
        {"a": {"shape": [1], "data_offsets": [0, 400]}},
    ],
    ids=lambda header: str(header)[:50],
)
def test_a_header_that_makes_no_sense_is_refused(tmp_path: Path, header: Any) -> None:
    with pytest.raises(CheckpointError, match="is damaged or cut off"):
        read_header(header_file(tmp_path / "x.safetensors", header, data=4))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
)
ENTRY = st.fixed_dictionaries({}, optional={"shape": JSON, "data_offsets": JSON | st.just([0, 4])})


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(header=JSON | st.dictionaries(st.sampled_from(["x", "__metadata__"]), ENTRY | JSON, max_size=2))
def test_any_header_is_read_or_refused(tmp_path: Path, header: Any) -> None:
    header_file(tmp_path / "x.safetensors", header, data=4)
    try:
        assert parameter_count(tmp_path) >= 0
    except CheckpointError as error:
        assert "\n" not in str(error)


def test_json_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"grid": [1, 2]}')
    assert read_json(tmp_path / "config.json") == {"grid": [1, 2]}
    assert read_config(str(tmp_path), "grid") == {"grid": [1, 2]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"{", "is no JSON"),
        (b"", "is no JSON"),
        (b'"\xff"', "is no JSON"),
        (b"[" * 100_000, "is nested deeper"),
        (b"[]", "holds no JSON object"),
        (b"{}", "says nothing of grid"),
    ],
)
def test_json_that_is_not_as_it_should_be_is_refused(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as caught:
        read_config(str(tmp_path), "grid")
    assert "\n" not in str(caught.value) and str(tmp_path / "config.json") in str(caught.value)
