"""What a checkpoint's small files say is looked at before any library reads them."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from diptych.engine.errors import CheckpointError
from diptych.engine.models.checkpoint import vetting
from diptych.engine.models.checkpoint.bounded import Unfit
from diptych.engine.models.checkpoint.folder import folder_of, read_header, weight_files
from diptych.engine.models.checkpoint.tokenizer import require_tokenizer
from diptych.engine.models.checkpoint.vetting import vet

PLANNER = Path(vetting.__file__).parents[3] / "pipelines" / "pocket" / "weights" / "planner"
TOKEN: dict[str, Any] = {
    "single_word": False,
    "lstrip": False,
    "rstrip": False,
    "normalized": False,
    "special": True,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "planner"
    shutil.copytree(PLANNER, folder)
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        vet(folder)
    message = str(caught.value)
    assert "\n" not in message and str(folder) in message and len(message) < 500
    return message


def change(path: Path, edit: Callable[[Any], Any]) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    changed = edit(value)
    path.write_text(json.dumps(value if changed is None else changed), encoding="utf-8")


def steps(number: int) -> dict[str, Any]:
    replace = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    return {"type": "Sequence", "normalizers": [replace] * number}


@pytest.mark.parametrize(
    ("file", "edit", "message"),
    [
        ("config.json", lambda v: v.update(num_hidden_layers=100_000), "100000: no model has so many"),
        ("config.json", lambda v: v.update(layers_per_block=100_000), "100000: no model has so many"),
        ("config.json", lambda v: v.update(transformer_layers_per_block=[1, 600]), "600: no model has so many"),
        ("config.json", lambda v: v.update(num_res_blocks=10**6), "1000000: no model has so many"),
        ("config.json", lambda v: v.update(block_out_channels=[64] * 400), "names 400 blocks"),
        ("config.json", lambda v: v.update(down_block_types=["DownBlock2D"] * 65), "names 65 blocks"),
        ("config.json", lambda v: v.update(hidden_size="x"), "hidden_size = 'x': must be a whole number"),
        ("config.json", lambda v: v.update(hidden_size=True), "hidden_size = True: must be a whole number"),
        ("config.json", lambda v: v.update(vocab_size=-3), "vocab_size = -3"),
        ("config.json", lambda v: v.update(vocab_size=10**400), "vocab_size"),
        ("config.json", lambda v: v.update(text_config=[1]), "text_config must be a table"),
        ("config.json", lambda v: v.update(text_config={"num_layers": 10**6}), "num_layers = 1000000"),
        ("config.json", lambda v: [v], "holds no JSON object"),
        ("tokenizer.json", lambda v: v["model"]["vocab"].update(x=2**31), "token 'x' has the id 2147483648"),
        ("tokenizer.json", lambda v: v["model"]["vocab"].update(x=-1), "has the id -1"),
        ("tokenizer.json", lambda v: v["model"]["vocab"].update(x="1"), "has the id '1'"),
        (
            "tokenizer.json",
            lambda v: v["added_tokens"].append({"id": 2**31, "content": "y", **TOKEN}),
            "'y' has the id 2147483648",
        ),
        (
            "tokenizer.json",
            lambda v: v.update(added_tokens=[{"id": i, "content": f"t{i}", **TOKEN} for i in range(200_000)]),
            "added_tokens has 200000 tokens",
        ),
        ("tokenizer.json", lambda v: v.update(normalizer=steps(40)), "makes texts .* times as long"),
        (
            "tokenizer.json",
            lambda v: v.update(pre_tokenizer={"type": "Split", "pattern": {"Regex": "(a|" * 9999}}),
            "has a pattern of",
        ),
        (
            "tokenizer_config.json",
            lambda v: v.update(added_tokens_decoder={str(2**31): {"content": "x"}}),
            "has the id 2147483648",
        ),
        ("tokenizer_config.json", lambda v: v.update(model_max_length="x"), "model_max_length = 'x'"),
    ],
)
def test_a_value_that_no_model_has_is_refused(
    folder: Path, file: str, edit: Callable[[Any], Any], message: str
) -> None:
    change(folder / file, edit)
    assert re.search(message, refusal(folder))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "generation_config.json", "vocab.json"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "nested deeper"),
        (b"\xff\xfe", "is no JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is no JSON"),
        (b"[" + b"[]," * 9_000_000 + b"[]]", "bytes, of at most|holds more than"),
    ],
)
def test_a_file_out_of_bounds_is_refused(folder: Path, name: str, content: bytes, message: str) -> None:
    (folder / name).write_bytes(content)
    assert re.search(message, refusal(folder))


def test_pipes_devices_and_links_out_are_refused(folder: Path, tmp_path: Path) -> None:
    vet(folder)
    os.mkfifo(folder / "vocab.json")
    assert "is no file" in refusal(folder)
    (folder / "vocab.json").unlink()
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")
    assert "is no file" in refusal(folder)
    with pytest.raises(CheckpointError, match="is no file"):
        read_header(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    for target in ("/dev/zero", "/etc/hostname"):
        (folder / "merges.txt").symlink_to(target)
        assert "leads out of its checkpoint" in refusal(folder)
        (folder / "merges.txt").unlink()
    (folder / "merges.txt").symlink_to(folder / "merges.txt")
    assert "leads nowhere" in refusal(folder)
    (folder / "merges.txt").unlink()
    (folder / "part").symlink_to(folder)  # as folders may lie in a circle, too
    (folder / "again.json").symlink_to(folder / "config.json")
    vet(folder)


def test_links_of_a_snapshot_of_the_hub_are_followed(tmp_path: Path) -> None:
    repository = tmp_path / "models--someone--planner"
    snapshot, blobs = repository / "snapshots" / "abc", repository / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for path in PLANNER.iterdir():
        shutil.copy(path, blobs / path.name)
        (snapshot / path.name).symlink_to(blobs / path.name)
    vet(snapshot)


def test_a_home_folder_is_no_checkpoint(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vetting, "MOST_FILES", 5)
    assert "holds more than 5 files: name the folder of one checkpoint" in refusal(folder)


@pytest.mark.parametrize("variant", ["", ".fp16"])
def test_all_shards_of_a_variant_are_counted(variant: str, tmp_path: Path) -> None:
    """diffusers names the index of a variant `….safetensors.index.fp16.json`."""
    names = [f"diffusion_pytorch_model-0000{i}-of-00003{variant}.safetensors" for i in (1, 2, 3)]
    for name in names:
        save_file({name: torch.zeros(2)}, tmp_path / name)
    index = tmp_path / f"diffusion_pytorch_model.safetensors.index{variant}.json"
    index.write_text(json.dumps({"weight_map": {str(i): name for i, name in enumerate(names)}}))
    assert [path.name for path in weight_files(tmp_path)] == names


def test_a_single_file_is_told_what_it_is(tmp_path: Path) -> None:
    for name, message in (
        ("model.safetensors", "is a single file: those are read for stages that paint"),
        ("model.gguf", "is damaged or cut off"),
        ("model.ckpt", "is a pickle"),
    ):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(CheckpointError, match=message):
            folder_of(str(tmp_path / name))


@pytest.mark.parametrize(("steps", "is_well"), [(1000, True), (2**40, False), (0, False), ("x", False)])
def test_a_noise_schedule_of_too_many_steps_is_refused(tmp_path: Path, steps: Any, is_well: bool) -> None:
    path = tmp_path / "scheduler" / "scheduler_config.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"num_train_timesteps": steps}), encoding="utf-8")
    if is_well:
        vet(tmp_path)
    else:
        assert "num_train_timesteps" in refusal(tmp_path)


def test_a_model_of_many_more_layers_in_a_block_than_its_weights_is_refused() -> None:
    names = [f"down_blocks.{i}.resnets.{j}.conv.weight" for i in range(4) for j in range(2)]
    vetting.refuse_absent_layers({"layers_per_block": 2}, names)
    for many in (300, [2, 300]):
        with pytest.raises(Unfit, match="300: the weights have 4"):
            vetting.refuse_absent_layers({"layers_per_block": many}, names)


@pytest.mark.parametrize(
    "files", [{}, {"tokenizer_config.json": "{}"}, {"vocab.json": "", "merges.txt": "a b"}]
)
def test_a_tokenizer_without_words_is_none(tmp_path: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match="has no tokenizer"):
        require_tokenizer(tmp_path)
    (tmp_path / "spiece.model").write_bytes(b"words")
    require_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("kind", "length", "is_well"),
    [
        ("CLIPTokenizer", 77, True),
        ("CLIPTokenizer", 77_000_000, False),
        ("CLIPTokenizer", 10**30, True),
        ("PreTrainedTokenizerFast", 10_485_760, True),
        ("PreTrainedTokenizerFast", 10**9, False),
    ],
)
def test_a_tokenizer_that_pads_without_end_is_refused(
    tmp_path: Path, kind: str, length: int, is_well: bool
) -> None:
    content = json.dumps({"tokenizer_class": kind, "model_max_length": length})
    (tmp_path / "tokenizer_config.json").write_text(content, encoding="utf-8")
    if is_well:
        vet(tmp_path)
    else:
        assert "no model reads so many tokens" in refusal(tmp_path)
