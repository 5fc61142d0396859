"""Checkpoints named by their id of the Hub: found in this machine's cache, pinned or not; never downloaded."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from diptych.engine.errors import CheckpointError
from diptych.engine.models.checkpoint.folder import folder_of, weight_files
from diptych.engine.models.checkpoint.hub import cached, how_to_get, is_unfinished
from diptych.engine.models.diffusion.single_files.places import place_of

COMMITS = {"main": "a" * 40, "v1.0": "b" * 40}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with one model of two revisions, laid out as the Hub's library does."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--maker--model"
    (folder / "refs").mkdir(parents=True)
    (folder / "blobs").mkdir()
    for name, commit in COMMITS.items():
        (folder / "refs" / name).write_text(commit)
        snapshot = folder / "snapshots" / commit
        snapshot.mkdir(parents=True)
        save_file({"a": torch.zeros(3)}, folder / "blobs" / name)
        (snapshot / "model.safetensors").symlink_to(folder / "blobs" / name)
    return folder


def test_an_id_is_found_in_the_cache(repository: Path) -> None:
    assert folder_of("maker/model") == repository / "snapshots" / COMMITS["main"]
    assert folder_of("maker/model@v1.0") == repository / "snapshots" / COMMITS["v1.0"]
    assert folder_of(f"maker/model@{'b' * 40}") == repository / "snapshots" / COMMITS["v1.0"]
    assert len(weight_files(folder_of("maker/model"))) == 1


def test_a_folder_of_that_name_comes_first(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "maker" / "model").mkdir(parents=True)
    assert folder_of("maker/model") == Path("maker/model")


@pytest.mark.parametrize("name", ["maker/other", "maker/model@v2.0"])
def test_what_is_not_in_the_cache_is_not_downloaded(
    name: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with pytest.raises(CheckpointError) as caught:
        folder_of(name)
    message = str(caught.value)
    assert how_to_get(name) in message and "hf_secret" not in message and "\n" not in message


def test_the_command_that_downloads_pins_the_revision() -> None:
    assert how_to_get("maker/model") == "hf download maker/model"
    assert how_to_get("maker/model@v1.0") == "hf download maker/model --revision v1.0"
    assert how_to_get("./maker/model") == how_to_get("model") == how_to_get("a/b/c") == ""


@pytest.mark.parametrize("name", ["maker/model/part", "../model", "a b/c", "maker/mo--del..x", "/tmp/x", ""])
def test_other_names_are_no_ids(name: str, repository: Path) -> None:
    assert cached(name) is None


def test_a_broken_download_is_seen(repository: Path) -> None:
    snapshot = folder_of("maker/model")
    assert not is_unfinished(snapshot)
    (repository / "blobs" / "c.incomplete").touch()
    assert is_unfinished(snapshot)


def test_a_file_of_an_id_is_found_in_the_cache(repository: Path) -> None:
    pinned = repository / "snapshots" / COMMITS["v1.0"] / "model.safetensors"
    assert place_of("maker/model@v1.0/model.safetensors") == pinned
    with pytest.raises(CheckpointError, match=r"hf download maker/model vae/x\.safetensors"):
        place_of("maker/model/vae/x.safetensors")
    with pytest.raises(CheckpointError, match=r"hf download nobody/model x\.safetensors"):
        place_of("nobody/model/x.safetensors")
