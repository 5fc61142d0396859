import gzip
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.errors import InputError
from diptych.pipelines.pocket.art.fetching import tarball
from diptych.pipelines.pocket.art.fetching.tarball import read_tarball

WANTED = "package/icons.json"


def packed(*members: tuple[str, bytes, bytes], links: tuple[str, ...] = ()) -> bytes:
    """A tarball of (name, content, type) members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(content), kind
            info.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def written(folder: Path, content: bytes) -> Path:
    path = folder / "a.tgz"
    path.write_bytes(content)
    return path


def test_wanted_files_are_read_and_others_left(tmp_path: Path) -> None:
    path = written(tmp_path, packed((WANTED, b"{}", tarfile.REGTYPE), ("package/x.js", b"x", tarfile.REGTYPE)))
    assert read_tarball(path, [WANTED]) == {WANTED: b"{}"}
    assert [file.name for file in tmp_path.iterdir()] == ["a.tgz"]


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("package/evil", tarfile.SYMTYPE, "link"),
        ("package/evil", tarfile.LNKTYPE, "link"),
        ("package/evil", tarfile.FIFOTYPE, "device"),
        ("package/evil", tarfile.CHRTYPE, "device"),
        ("../evil", tarfile.REGTYPE, "outside"),
        ("/evil", tarfile.REGTYPE, "outside"),
        ("package/../../evil", tarfile.REGTYPE, "outside"),
        ("package\\..\\evil", tarfile.REGTYPE, "outside"),
        ("C:evil", tarfile.REGTYPE, "outside"),
    ],
)
def test_what_a_package_has_no_use_for_is_refused(tmp_path: Path, name: str, kind: bytes, said: str) -> None:
    path = written(tmp_path, packed((name, b"", kind), (WANTED, b"{}", tarfile.REGTYPE)))
    with pytest.raises(InputError, match=said):
        read_tarball(path, [WANTED])


def test_a_file_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    member = (WANTED, b"{}", tarfile.REGTYPE)
    with pytest.raises(InputError, match="twice"):
        read_tarball(written(tmp_path, packed(member, member)), [WANTED])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no package/icons\.json"):
        read_tarball(written(tmp_path, packed(("package/x", b"x", tarfile.REGTYPE))), [WANTED])


def test_a_missing_tarball_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.tgz: cannot be read"):
        read_tarball(tmp_path / "a.tgz", [WANTED])


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarball, "LARGEST_CONTENT_BYTES", 200_000)
    bomb = packed(("package/bomb", bytes(1_000_000), tarfile.REGTYPE), (WANTED, b"{}", tarfile.REGTYPE))
    assert len(bomb) < 10_000
    with pytest.raises(InputError, match="unpacked; refused"):
        read_tarball(written(tmp_path, bomb), [WANTED])


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarball, "MOST_MEMBERS", 3)
    many = [(f"package/{i}", b"", tarfile.REGTYPE) for i in range(4)]
    with pytest.raises(InputError, match="more than 3 files"):
        read_tarball(written(tmp_path, packed(*many)), [WANTED])


def test_a_large_file_or_tarball_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, packed((WANTED, bytes(5000), tarfile.REGTYPE)))
    monkeypatch.setattr(tarball, "LARGEST_FILE_BYTES", 100)
    with pytest.raises(InputError, match=r"icons\.json has more than"):
        read_tarball(path, [WANTED])
    monkeypatch.setattr(tarball, "LARGEST_TARBALL_BYTES", 10)
    with pytest.raises(InputError, match="not one of the art's packages"):
        read_tarball(path, [WANTED])


GOOD = gzip.decompress(
    packed((WANTED, b"{}" * 40, tarfile.REGTYPE), ("package/b", b"b" * 700, tarfile.REGTYPE))
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_the_bytes_the_answer_is_content_or_one_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Bytes of a good tarball changed here and there, cut off, and packed again or not."""
    content = bytearray(GOOD)
    changes = st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=8)
    for at, value in data.draw(changes):
        content[at] = value
    cut = bytes(content[: data.draw(st.integers(0, len(GOOD)))])
    raw = data.draw(st.sampled_from([gzip.compress(cut), cut, gzip.compress(cut)[: len(cut) // 3]]))
    path = written(tmp_path_factory.mktemp("tar"), raw)
    try:
        found = read_tarball(path, [WANTED])
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert set(found) == {WANTED}
