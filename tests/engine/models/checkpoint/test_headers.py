"""Headers of safetensors files that lie, and weights that lie in a folder twice: one clear line, or counted
once."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from diptych.engine.errors import CheckpointError
from diptych.engine.models.checkpoint.folder import parameter_count, read_header, read_json, weight_files


def written(path: Path, header: bytes | dict[str, Any], data: int = 0, *, length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + bytes(data))
    return path


def entry(start: int, end: int, *, dtype: str = "F32", shape: list[Any] | None = None) -> dict[str, Any]:
    return {
        "dtype": dtype,
        "shape": [(end - start) // 4] if shape is None else shape,
        "data_offsets": [start, end],
    }


LIES: dict[str, tuple[bytes | dict[str, Any], int, int | None]] = {
    "two of one name": (b'{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"I8"}}', 1, None),
    "data that overlap": ({"a": entry(0, 8), "b": entry(4, 8)}, 8, None),
    "data with a gap": ({"a": entry(0, 4), "b": entry(8, 12)}, 12, None),
    "data that end before they begin": ({"a": {"dtype": "F32", "shape": [0], "data_offsets": [4, 0]}}, 4, None),
    "fewer bytes than the shape": ({"a": entry(0, 4, shape=[7])}, 4, None),
    "a shape below nought": ({"a": entry(0, 4, shape=[-1])}, 4, None),
    "a shape that is a text": ({"a": entry(0, 4, shape=["1"])}, 4, None),
    "a header longer than the file": ({"a": entry(0, 4)}, 4, 2**40),
    "a header of nearly 2^64 bytes": ({"a": entry(0, 4)}, 4, 2**64 - 1),
    "a header that is a list": (b"[1, 2]", 0, None),
    "an entry that is a number": ({"a": 1}, 0, None),
    "deep nesting": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 0, None),
    "no header": (b"", 0, None),
    "more data than are told of": ({"a": entry(0, 4)}, 9, None),
    "fewer data than are told of": ({"a": entry(0, 4)}, 3, None),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies_is_refused_in_one_line(lie: str, tmp_path: Path) -> None:
    header, data, length = LIES[lie]
    file = written(tmp_path / "model.safetensors", header, data, length=length)
    began = time.perf_counter()
    with pytest.raises(CheckpointError) as caught:
        read_header(file)
    assert "\n" not in str(caught.value) and str(file) in str(caught.value)
    assert time.perf_counter() - began < 5


def test_a_sound_header_is_read_in_whatever_order_it_stands(tmp_path: Path) -> None:
    file = written(tmp_path / "model.safetensors", {"b": entry(4, 12), "a": entry(0, 4)}, 12)
    assert list(read_header(file)) == ["b", "a"]


def test_weights_in_their_makers_own_form_are_not_counted_again(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(3)}, tmp_path / "model.safetensors")
    (tmp_path / "original").mkdir()
    save_file({"a": torch.zeros(3)}, tmp_path / "original" / "model.safetensors")
    assert parameter_count(tmp_path) == 3
    (tmp_path / "model.safetensors").unlink()
    assert parameter_count(tmp_path) == 3


@pytest.mark.parametrize("stem", ["model", "diffusion_pytorch_model"])
def test_all_shards_of_a_variant_are_counted(stem: str, tmp_path: Path) -> None:
    names = [f"{stem}.fp16-0000{i}-of-00002.safetensors" for i in (1, 2)]
    for i, name in enumerate(names):
        save_file({f"t{i}": torch.zeros(3 + i)}, tmp_path / name)
    index = {"weight_map": {f"t{i}": name for i, name in enumerate(names)}}
    (tmp_path / f"{stem}.safetensors.index.fp16.json").write_text(json.dumps(index))
    assert [path.name for path in weight_files(tmp_path)] == names and parameter_count(tmp_path) == 7


def test_a_folder_with_a_single_file_says_to_name_the_file(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(3)}, tmp_path / "dream.safetensors")
    with pytest.raises(CheckpointError, match=r"holds dream\.safetensors: name that file itself"):
        read_json(tmp_path / "model_index.json")
