"""Which files are opened as pictures, and that none that is made to do harm gets far."""

import io
import os
import struct
import time
import zlib
from pathlib import Path

import PIL.Image
import PIL.PngImagePlugin
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych import InputError
from diptych.pipelines.pictures import opening
from diptych.pipelines.pictures.pixels import rgb_of
from diptych.pipelines.pictures.texts import texts_of

from ...fuzzing import fuzz_settings

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\nshowpage\n"


def saved(format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    PIL.Image.effect_noise((40, 30), 50).convert("RGB").save(stream, format, **options)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (EPS, "a PostScript file"),
        (saved("GIF"), "a GIF"),
        (saved("BMP"), "a BMP"),
        (saved("TIFF"), "a TIFF"),
        (saved("AVIF"), "an AVIF"),
        (saved("AVIF")[:200], "an AVIF"),
        (b"RIFF\0\0\0\0WAVEfmt ", ""),
        (b"hello", ""),
        (b"", ""),
    ],
)
def test_nothing_but_png_jpeg_and_webp_is_opened_whatever_it_is_called(
    data: bytes, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PIL.Image, "open", None)  # nothing is asked to try all kinds
    monkeypatch.setattr("subprocess.Popen", None)  # and Ghostscript is not started
    path = tmp_path / "x.png"
    path.write_bytes(data)
    message = r"x\.png: is no picture of a kind that is read" + (rf" \(it is {kind}\)" if kind else ": use PNG")
    for ask in (rgb_of, texts_of):
        with pytest.raises(InputError, match=message):
            ask(path)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_kinds_are_told_by_their_content(format: str, tmp_path: Path) -> None:
    (tmp_path / "x.bmp").write_bytes(saved(format))
    assert rgb_of(tmp_path / "x.bmp").size == (40, 30)


def test_of_an_animated_picture_the_first_frame_counts(tmp_path: Path) -> None:
    red, blue = PIL.Image.new("RGB", (8, 8), "red"), PIL.Image.new("RGB", (8, 8), "blue")
    for name in ("a.png", "a.webp"):
        red.save(tmp_path / name, save_all=True, append_images=[blue], lossless=True)
        assert rgb_of(tmp_path / name).getpixel((0, 0)) == (255, 0, 0)


def test_what_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "cut.png").write_bytes(saved("PNG")[:900])
    (tmp_path / "cut.jpg").write_bytes(saved("JPEG")[:700])
    (tmp_path / "cut.webp").write_bytes(saved("WEBP")[:300])
    cases = {
        "pipe.png": r"cannot be read \(is a pipe, not a file\)",
        "folder.png": r"cannot be read \(is a folder, not a file\)",
        "loop.png": "cannot be read",
        "none.png": "no such file",
        "cut.png": "cannot be read",
        "cut.jpg": "cannot be read",
        "cut.webp": "cannot be read",
        "nul\0.png": "cannot be read",
        "x" * 300: "cannot be read",
    }
    for name, message in cases.items():
        with pytest.raises(InputError, match=message) as caught:
            rgb_of(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"cannot be read \(is a device, not a file\)"):
        rgb_of("/dev/zero")


def test_bombs_are_refused_before_they_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    wide = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 10**6)) + chunk(b"IEND", b"")
    (tmp_path / "wide.png").write_bytes(wide)
    for ask in (rgb_of, texts_of):
        with pytest.raises(InputError, match=r"is 60000 x 60000 pixels: at most 8192 a side are read"):
            ask(tmp_path / "wide.png")
    long = zlib.compress(b"a" * 10**8)
    small = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    end = chunk(b"IDAT", zlib.compress(b"\0\0\0\0")) + chunk(b"IEND", b"")
    for text in (
        chunk(b"zTXt", b"prompt\0\0" + long),
        chunk(b"iTXt", b"prompt\0\1\0\0\0" + long),
        chunk(b"iCCP", b"name\0\0" + long),
    ):
        (tmp_path / "text.png").write_bytes(b"\x89PNG\r\n\x1a\n" + small + text + end)
        try:
            texts = texts_of(tmp_path / "text.png")
        except InputError as error:
            assert "cannot be read" in str(error)
        else:
            assert sum(map(len, texts.values())) < 10**7
    monkeypatch.setattr(opening, "MAX_BYTES", 100)
    (tmp_path / "large.png").write_bytes(saved("PNG"))
    with pytest.raises(InputError, match="is larger than"):
        rgb_of(tmp_path / "large.png")


def samples() -> list[bytes]:
    info = PIL.PngImagePlugin.PngInfo()
    info.add_text("parameters", "a boat\nSteps: 2, Seed: 7")
    info.add_itxt("prompt", "ein Böot", zip=True)
    info.add_text("zipped", "z" * 500, zip=True)
    exif = PIL.Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "workflow:{}"
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "a boat".encode("utf-16-be")
    red = PIL.Image.new("RGB", (40, 30), "red")
    return [
        saved("PNG", pnginfo=info, exif=exif),
        saved("PNG", save_all=True, append_images=[red]),
        saved("JPEG", exif=exif, comment=b"{}"),
        saved("JPEG", progressive=True),
        saved("WEBP", exif=exif, xmp=b'<exif:UserComment><rdf:Alt><rdf:li xml:lang="x">{}</rdf:li>'),
        saved("WEBP", save_all=True, append_images=[red]),
    ]


SAMPLES = samples()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A picture with bytes changed, put in, left out, or said twice; at times a PNG with its sums put right."""
    data = bytearray(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from([0, 1, 2, 4, 8, 64])))
        data[start:end] = draw(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0"]),
                st.just(bytes(data[start : start + 64])),
            )
        )
    if draw(st.booleans()):
        data = bytearray(mended(bytes(data)))
    return bytes(data)


def mended(data: bytes) -> bytes:
    """A PNG whose chunks' sums are right again, so that what is in them is read."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    whole, at = data[:8], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        whole += chunk(kind, body)
        at += 12 + length
    return whole


@fuzz_settings(300)
@given(damaged())
def test_a_damaged_picture_is_read_or_refused_in_one_line(data: bytes) -> None:
    started = time.process_time()
    for ask in (rgb_of, texts_of):
        try:
            read = ask(data)
        except InputError as error:
            assert str(error).isprintable() and len(str(error)) < 500
        else:
            assert isinstance(read, dict) or max(read.size) <= opening.MAX_SIDE
    assert time.process_time() - started < 10


def test_a_long_path_is_not_echoed_whole(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught, opening.opened(tmp_path / ("a" * 5000)):
        pass
    assert len(str(caught.value)) < 500
