"""Links stay within their folder; those of a snapshot of the Hub's cache may lead to its blobs. Prompt files,
pictures and checkpoints ask the same function."""

from pathlib import Path

import pytest

from diptych.engine.guards.links import lies_in
from diptych.engine.models.checkpoint import vetting
from diptych.prompts import reader, wildcards


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A snapshot with `a`, whose link is good; `b` leads out, `c` to another repository's blobs."""
    for name in ("models--o--one", "models--o--two"):
        (tmp_path / name / "blobs").mkdir(parents=True)
        (tmp_path / name / "blobs" / "0a").write_bytes(b"1")
    (tmp_path / "secret").write_bytes(b"1")
    folder = tmp_path / "models--o--one" / "snapshots" / "abc"
    (folder / "part").mkdir(parents=True)
    (folder / "a").symlink_to("../../blobs/0a")
    (folder / "part" / "a").symlink_to("../../../blobs/0a")
    (folder / "b").symlink_to(tmp_path / "secret")
    (folder / "c").symlink_to(tmp_path / "models--o--two" / "blobs" / "0a")
    (folder / "d").symlink_to(folder / "d")
    return folder


def test_what_a_snapshot_links_to(snapshot: Path) -> None:
    assert lies_in(snapshot / "a", snapshot) and lies_in(snapshot / "part" / "a", snapshot)
    assert lies_in(snapshot / "part" / "a", snapshot / "part")
    for name in ("b", "c", "d", "../../blobs/0a", "\0"):
        assert not lies_in(snapshot / name, snapshot), name


def test_a_link_to_a_snapshot_is_that_snapshot(snapshot: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").symlink_to(snapshot)
    assert lies_in(tmp_path / "mine" / "a", tmp_path / "mine")
    assert not lies_in(tmp_path / "mine" / "b", tmp_path / "mine")


def test_the_rule_is_one_for_all() -> None:
    assert all(vars(module)["lies_in"] is lies_in for module in (vetting, reader, wildcards))
