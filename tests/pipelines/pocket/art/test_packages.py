import base64
import dataclasses
import hashlib
import os
import stat
import tarfile
from pathlib import Path

import pytest

from diptych.engine.errors import InputError
from diptych.pipelines.pocket.art.fetching.packages import PACKAGES, Package, read_package

from .test_tarball import packed

CONTENT = b'{"icons": {}}'
TARBALL = packed(("package/icons.json", CONTENT, tarfile.REGTYPE))
PACKAGE = Package(
    name="@tiny/icons",
    version="1.0.0",
    integrity=f"sha512-{base64.b64encode(hashlib.sha512(TARBALL).digest()).decode()}",
    files={"icons.json": hashlib.sha256(CONTENT).hexdigest()},
    licence="MIT",
    credit="nobody",
)


def put(folder: Path, content: bytes = TARBALL) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PACKAGE.tarball).write_bytes(content)
    return folder


def npm_that(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program called npm first on the path."""
    folder.mkdir()
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_every_package_is_pinned() -> None:
    for package in PACKAGES.values():
        assert len(base64.b64decode(package.integrity.removeprefix("sha512-"))) == 64
        assert package.files and all(len(sha) == 64 for sha in package.files.values())
        assert package.version.count(".") == 2 and package.licence and package.credit
    assert PACKAGES["noto"].tarball == "iconify-json-noto-1.2.9.tgz"


def test_a_tarball_in_a_given_folder_is_read(tmp_path: Path) -> None:
    assert read_package(PACKAGE, tmp_path / "cache", source=put(tmp_path / "given")) == {"icons.json": CONTENT}
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("where", ["@tiny/icons", "node_modules/@tiny/icons", "tiny-icons-1.0.0/package"])
def test_an_unpacked_package_is_read(tmp_path: Path, where: str) -> None:
    (tmp_path / where).mkdir(parents=True)
    (tmp_path / where / "icons.json").write_bytes(CONTENT)
    assert read_package(PACKAGE, tmp_path / "cache", source=tmp_path) == {"icons.json": CONTENT}
    (tmp_path / where / "icons.json").write_bytes(b"{}")
    with pytest.raises(InputError, match="SHA-256 differs"):
        read_package(PACKAGE, tmp_path / "cache", source=tmp_path)


def test_another_tarball_is_refused(tmp_path: Path) -> None:
    other = packed(("package/icons.json", b"{}", tarfile.REGTYPE))
    with pytest.raises(InputError, match="SHA-512 differs"):
        read_package(PACKAGE, tmp_path, source=put(tmp_path / "given", other))
    with pytest.raises(InputError, match="SHA-512 differs"):
        read_package(PACKAGE, put(tmp_path / "cache", other))


def test_a_tarball_whose_file_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    package = dataclasses.replace(PACKAGE, files={"icons.json": "0" * 64})
    with pytest.raises(InputError, match="SHA-256 differs"):
        read_package(package, put(tmp_path))


def test_a_folder_without_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds neither tiny-icons-1\.0\.0\.tgz nor"):
        read_package(PACKAGE, tmp_path, source=tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_package(PACKAGE, tmp_path, source=tmp_path / "none")


def test_it_is_fetched_by_npm_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, cache = put(tmp_path / "given"), tmp_path / "cache"
    npm_that(tmp_path / "bin", f'echo "$@" >> {tmp_path}/calls; cp {given}/*.tgz .', monkeypatch)
    for _ in range(2):
        assert read_package(PACKAGE, cache) == {"icons.json": CONTENT}
    calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert len(calls) == 1 and "pack @tiny/icons@1.0.0 --ignore-scripts" in calls[0]
    assert [path.name for path in cache.iterdir()] == [PACKAGE.tarball]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'npm error code ENOTFOUND' >&2; exit 1", "reaches no registry"),
        ("echo 'npm error 404 Not Found' >&2; exit 1", r"could not fetch it \(404 Not Found\)"),
        ("exit 3", "exit status 3"),
        ("exit 0", "npm wrote no"),
        ("echo other > tiny-icons-1.0.0.tgz", "SHA-512 differs"),
    ],
)
def test_what_npm_cannot_do_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    npm_that(tmp_path / "bin", script, monkeypatch)
    with pytest.raises(InputError, match=said) as caught:
        read_package(PACKAGE, tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_without_npm_the_way_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"npm is not installed.*--from"):
        read_package(PACKAGE, tmp_path / "cache")
