"""Checkpoints by the names of the folders that they lie in: who ships some says where."""

from pathlib import Path

import pytest

from diptych.engine.errors import CheckpointError
from diptych.engine.models.checkpoint.folder import folder_of
from diptych.engine.models.checkpoint.roots import ROOTS, add_root, root_of, short_name


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of checkpoints that goes by the name of `mine`."""
    monkeypatch.setitem(ROOTS, "mine", ROOTS["pocket"])
    (tmp_path / "drafter" / "part").mkdir(parents=True)
    add_root("mine", tmp_path, hint="draw it yourself")
    return tmp_path


def test_a_checkpoint_is_found_by_its_root(mine: Path) -> None:
    assert folder_of("mine/drafter") == mine / "drafter"
    assert folder_of("mine/drafter/part") == mine / "drafter" / "part"
    assert short_name(mine / "drafter" / "part") == "mine/drafter/part"
    assert short_name(mine.parent) is None


@pytest.mark.parametrize("name", ["painter", "", ".", "..", "drafter/../..", "/"])
def test_what_is_missing_is_refused_with_the_roots_advice(mine: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match=f"^mine/{name}: no such checkpoint: draw it yourself$"):
        folder_of(f"mine/{name}")


@pytest.mark.parametrize("checkpoint", ["mines/drafter", "mine", "./mine/drafter", "/mine/drafter", ""])
def test_other_names_have_no_root(mine: Path, checkpoint: str) -> None:
    assert root_of(checkpoint) is None
