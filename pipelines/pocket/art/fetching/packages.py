"""The packages that the art and its labels come from: pinned, fetched by npm or taken from a folder, and
checked.

Nothing of them lies in this repository. Each file that is read must have the SHA-256 that is noted here,
wherever it comes from; a tarball must have the integrity that npm states, too.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .....engine.errors import InputError
from .....engine.messages import reason_of
from .tarball import LARGEST_FILE_BYTES, LARGEST_TARBALL_BYTES, read_tarball

FETCH_LIMIT_S = 300
_NO_NETWORK = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ENOTCACHED")


@dataclass(frozen=True, kw_only=True)
class Package:
    """One version of an npm package: `integrity` as npm writes it, and the SHA-256 of the `files` that are
    read."""

    name: str
    version: str
    integrity: str
    files: Mapping[str, str]
    licence: str
    credit: str

    @property
    def tarball(self) -> str:
        """The name that `npm pack` gives its tarball."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


PACKAGES: dict[str, Package] = {
    "noto": Package(
        name="@iconify-json/noto",
        version="1.2.9",
        integrity="sha512-DQiuXENbun41ch+XPSV55H9FaWKpHTyz46YIKtSaKYD4fIDDzL1tR6H4np/T38jfrTAeI3rcKF0mqHYeZVAuaw==",
        files={"icons.json": "9eac6ef4e7ec122b6f0e7ac281d61008afdbc720d0ce861e398b939daaa347c6"},
        licence="Apache-2.0",
        credit="Noto Emoji, Google Inc.",
    ),
    "fluent": Package(
        name="@iconify-json/fluent-emoji-flat",
        version="1.2.6",
        integrity="sha512-RY47RgPb47fYUiyrA64sIOL0+UU02s29sXpNBbIQRBUlPlfNFTKUmZDERGuxDs/7yNGWqQYvuaSYM1M4fRXlUw==",
        files={"icons.json": "f5f4cf457c0db2ad5a2e42e033e02e0c87d10e43d0164cfffb3bb84914970a63"},
        licence="MIT",
        credit="Fluent Emoji, Microsoft Corporation",
    ),
    "twemoji": Package(
        name="@iconify-json/twemoji",
        version="1.2.5",
        integrity="sha512-uKpuIEV0v6K5BW3Mjdyl+XKFVAbbcPxAgifKvEMtZoUZB5+YiY5zaMm2uNNCxyXzAWU9yNLlj41WU6/mvgALsw==",
        files={"icons.json": "5d5d820790565b764f2728675d487c9ee4c1fc83916d8567d5aca8ba7527c242"},
        licence="CC-BY-4.0",
        credit="Twemoji, Twitter, Inc. and other contributors",
    ),
    "emojibase": Package(
        name="emojibase-data",
        version="17.0.0",
        integrity="sha512-Yvgb5AWoHViHV/gq1qr5ZAarcBip+B27/ZLRsUJkbgAEaLlZ/fof9g882LTpmEpyhBNEC0m2SEmItljHsTygjA==",
        files={
            "en/data.json": "ed014f1049bd370c5794f815850156196ac382850f51c3e9f6a9e83553fb3f01",
            "zh/data.json": "ab26566248ccb4e991c6314a0b98e07daa38325bf44bc32260a6502f4cd6cb37",
            "es/data.json": "ba2a0c61edf8b29e6584e4713bd6eead6b8702c6d488c59cd394c96934e25707",
            "fr/data.json": "2d98e00803f7c777f9127002b59965151e4e0522767c899f7af897d8ca98454e",
            "de/data.json": "62c4877944d2347dc1a529b53f939ad87df09ba3e1f401ee31748aa59ff6f7ea",
            "ja/data.json": "145a05c890312867ea1535ded173d81c4ac55aebed1a560c3d171e8fbed5554b",
            "pt/data.json": "c2eb58c08e1414a11db0d44764591bf5c8dbd444b54e171ea12715f8ed0006e5",
            "hi/data.json": "4a0cb9f58cfde6ab08460e7b0b175fb37fa5c2d90566393284ffeafc8028d1c9",
        },
        licence="MIT",
        credit="emojibase-data, Miles Johnson",
    ),
}


def read_package(package: Package, cache: Path, *, source: Path | None = None) -> dict[str, bytes]:
    """The package's `files`, by name.

    Args:
        cache: where tarballs are kept; one that is missing there is fetched by `npm pack`.
        source: a folder to take it from instead: it holds the tarball, or the unpacked package as
            `node_modules/NAME`, `NAME` or by itself.

    Raises:
        InputError: it cannot be had, or is not what it is to be: what, where, and what to do.
    """
    if source is None:
        return _from_tarball(package, _fetched(package, cache))
    if not source.is_dir():
        raise InputError(
            f"{source}: no such folder: give one that holds {package.tarball}, or leave --from out"
        )
    if (tarball := source / package.tarball).is_file():
        return _from_tarball(package, tarball)
    for folder in (
        source / package.name,
        source / "node_modules" / package.name,
        source / package.tarball[:-4],
    ):
        for inside in (folder, folder / "package"):
            if all((inside / name).is_file() for name in package.files):
                return {
                    name: _checked(_bytes_of(inside / name), sha, inside / name)
                    for name, sha in _files(package)
                }
    raise InputError(f"{source}: holds neither {package.tarball} nor an unpacked {package.name}")


def _files(package: Package) -> list[tuple[str, str]]:
    return list(package.files.items())


def _from_tarball(package: Package, path: Path) -> dict[str, bytes]:
    _check_integrity(package, path)
    found = read_tarball(path, [f"package/{name}" for name in package.files])
    return {name: _checked(found[f"package/{name}"], sha, path) for name, sha in _files(package)}


def _fetched(package: Package, cache: Path) -> Path:
    """Its tarball in the cache, fetched if need be."""
    path = cache / package.tarball
    if path.is_file():
        return path
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(
            f"npm is not installed, so {package.name} cannot be fetched: install Node.js, or give the packages"
            " with --from FOLDER"
        )
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _pack(npm, package, Path(folder))
            fetched = Path(folder) / package.tarball
            if not fetched.is_file():
                raise InputError(f"{package.name} {package.version}: npm wrote no {package.tarball}: try again")
            _check_integrity(package, fetched)
            os.replace(fetched, path)
    except OSError as error:
        raise InputError(f"{cache}: cannot be written ({reason_of(error)})") from None
    return path


def _pack(npm: str, package: Package, folder: Path) -> None:
    wanted = f"{package.name}@{package.version}"
    command = [npm, "pack", wanted, "--ignore-scripts", "--loglevel=error", f"--pack-destination={folder}"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=FETCH_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InputError(
            f"{wanted}: npm took more than {FETCH_LIMIT_S} s: try again, or give it with --from"
        ) from None
    if done.returncode == 0:
        return
    if any(code in done.stderr for code in _NO_NETWORK):
        raise InputError(
            f"{wanted}: npm reaches no registry: try again online, or give the packages with --from FOLDER"
        )
    said = [line.removeprefix("npm error").strip() for line in done.stderr.splitlines() if line.strip()]
    raise InputError(
        f"{wanted}: npm could not fetch it ({said[0] if said else f'exit status {done.returncode}'})"
    )


def _check_integrity(package: Package, path: Path) -> None:
    kind, _, stated = package.integrity.partition("-")
    assert kind == "sha512", package
    found = base64.b64encode(hashlib.sha512(_bytes_of(path, LARGEST_TARBALL_BYTES)).digest()).decode()
    if found != stated:
        raise InputError(
            f"{path}: not {package.name} {package.version} as npm states it (SHA-512 differs): remove it"
        )


def _checked(content: bytes, sha256: str, path: Path) -> bytes:
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(f"{path}: not the version that is asked for (SHA-256 differs): fetch it anew")
    return content


def _bytes_of(path: Path, limit: int = LARGEST_FILE_BYTES) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({reason_of(error)})") from None
    if len(content) > limit:
        raise InputError(f"{path}: more than {limit >> 20} MiB; refused")
    return content
