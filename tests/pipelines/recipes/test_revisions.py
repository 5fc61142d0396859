"""Revisions of checkpoints."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from diptych import CheckpointError
from diptych.pipelines.recipes import environment, revisions
from diptych.pipelines.recipes.environment import Environment
from diptych.pipelines.recipes.reader import parse_recipe, read_recipe
from diptych.pipelines.recipes.revisions import revision_of
from diptych.pipelines.recipes.writer import recipe_table


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "unet").mkdir(parents=True)
    (folder / "unet" / "model.safetensors").write_bytes(b"weights" * 100)
    (folder / "config.json").write_text("{}")
    return folder


def test_another_content_is_another_revision_and_another_name_is_not(checkpoint: Path, tmp_path: Path) -> None:
    first = revision_of(str(checkpoint))
    assert len(first) == 16
    (checkpoint / "README.md").write_text("words")
    moved = checkpoint.rename(tmp_path / "elsewhere")
    assert revision_of(str(moved)) == first
    weights = moved / "unet" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[350] ^= 1  # of the same size, as after more training
    weights.write_bytes(data)
    second = revision_of(str(moved))
    (moved / "config.json").write_text('{"a": 1}')
    assert len({first, second, revision_of(str(moved))}) == 3


def test_other_lora_weights_are_another_origin(checkpoint: Path, tmp_path: Path) -> None:
    lora = tmp_path / "ink.safetensors"
    stage = {"family": "diffusers", "checkpoint": str(checkpoint), "loras": [{"checkpoint": str(lora)}]}
    recipe = parse_recipe({"stages": {"paint": stage}}, tmp_path / "mine.toml")

    def content() -> object:
        return Environment(
            recipe="mine",
            table=recipe_table(recipe),
            revisions=environment.revisions(recipe),
            deterministic=False,
            micro_batch=1,
            memory_bytes=None,
            device="cpu",
            versions={},
        ).essence()

    lora.write_bytes(b"one")
    first = content()
    lora.write_bytes(b"two")
    assert content() != first
    lora.rename(tmp_path / "other.safetensors").rename(lora)
    lora.write_bytes(b"one")
    assert content() == first


def test_large_files_are_read_once_until_they_change(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, reads = hashlib.file_digest, list[str]()

    def read(file: Any, how: str) -> object:
        reads.append(Path(file.name).name)
        return digest(file, how)

    monkeypatch.setattr(revisions, "REMEMBERED_BYTES", 500)
    monkeypatch.setattr(revisions, "cache_file", lambda: tmp_path / "cache" / "revisions.json")
    monkeypatch.setattr(hashlib, "file_digest", read)
    first = revision_of(str(checkpoint))
    assert revision_of(str(checkpoint)) == first
    assert reads.count("model.safetensors") == 1 and reads.count("config.json") == 2
    weights = checkpoint / "unet" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[::-1])
    os.utime(weights, ns=(1, 1))
    assert revision_of(str(checkpoint)) != first and reads.count("model.safetensors") == 2
    (tmp_path / "cache" / "revisions.json").write_text("[broken")
    assert revision_of(str(checkpoint)) != first and reads.count("model.safetensors") == 3


def test_small_files_are_read_once_by_a_process_until_they_change(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, reads = hashlib.file_digest, list[str]()

    def read(file: Any, how: str) -> object:
        reads.append(Path(file.name).name)
        return digest(file, how)

    monkeypatch.setattr(hashlib, "file_digest", read)
    first = revision_of(str(checkpoint))
    assert revision_of(str(checkpoint)) == first
    assert reads.count("config.json") == 2  # just written: the next change may come within the same tick
    monkeypatch.setattr(revisions, "SETTLED_NS", 0)
    assert [revision_of(str(checkpoint)) for _ in range(3)] == [first] * 3
    assert reads.count("config.json") == 3
    (checkpoint / "config.json").write_text('{"a": 1}')
    assert revision_of(str(checkpoint)) != first and reads.count("config.json") == 4


def test_a_file_of_the_hubs_cache_is_named_after_its_hash(checkpoint: Path, tmp_path: Path) -> None:
    weights = checkpoint / "unet" / "model.safetensors"
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    plain = revision_of(str(checkpoint))
    blob = weights.rename(blobs / hashlib.sha256(weights.read_bytes()).hexdigest())
    weights.symlink_to(blob)
    assert revision_of(str(checkpoint)) == plain


def test_a_checkpoint_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        revision_of(str(tmp_path / "none"))


def test_a_recipe_written_down_is_read_as_the_same(tmp_path: Path) -> None:
    recipe = read_recipe("pocket")
    table = recipe_table(recipe)
    assert table["stages"]["refine"]["checkpoint"] == "pocket/refiner"
    assert parse_recipe(table, tmp_path / "pocket.toml") == recipe


def test_every_checkpoint_of_a_recipe_has_a_revision() -> None:
    found = environment.revisions(read_recipe("pocket"))
    assert {"pocket/planner", "pocket/drafter", "pocket/tokenizer", "pocket/refiner"} <= set(found)
    assert all(len(revision) == 16 for revision in found.values())
