import numpy as np
import pytest

from diptych.engine.errors import InputError
from diptych.pipelines.pocket.art import svg
from diptych.pipelines.pocket.art.svg import draw_svg

pytest.importorskip("resvg_py")

OPEN = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 32 32">'


def test_a_drawing_is_cut_to_what_can_be_seen() -> None:
    pixels = draw_svg(f'{OPEN}<path fill="#f00" d="M8 8h16v8H8z"/></svg>', 64, where="x")
    assert pixels.dtype == np.uint8 and pixels.shape == (16, 32, 4)
    assert (pixels[..., :3] == (255, 0, 0)).all() and (pixels[..., 3] == 255).all()


@pytest.mark.parametrize("shape", ['viewBox="0 0 1 100000"', 'width="100000" height="1"'])
def test_no_shape_of_an_svg_makes_a_large_picture(shape: str) -> None:
    text = f'<svg xmlns="http://www.w3.org/2000/svg" {shape}><path d="M0 0h99999v99999H0z"/></svg>'
    assert max(draw_svg(text, 64, where="x").shape) <= 64


@pytest.mark.parametrize(
    "body",
    [
        '<image href="file:///etc/hostname"/>',
        '<image xlink:href="/etc/hostname"/>',
        '<use href="https://example.org/a.svg#b"/>',
        '<a href = "other.svg"/>',
        "<script>1</script>",
        "<foreignObject/>",
        "<text>hello</text>",
        '<style>@import "a.css";</style>',
        '<path fill="url(other.svg#b)" d="M0 0h9v9z"/>',
        "<filter><feImage/></filter>",
    ],
)
def test_what_reaches_outside_is_refused(body: str) -> None:
    with pytest.raises(InputError, match="x: an SVG with"):
        draw_svg(f"{OPEN}{body}</svg>", 64, where="x")


def test_entities_are_refused() -> None:
    with pytest.raises(InputError, match="document type"):
        draw_svg(f'<!DOCTYPE svg [<!ENTITY a "aaaa">]>{OPEN}&a;</svg>', 64, where="x")


@pytest.mark.parametrize("text", ["", "hello", "<svg", f"{OPEN}<path", '{"a": 1}'])
def test_what_is_no_svg_is_said(text: str) -> None:
    with pytest.raises(InputError, match="x: cannot be drawn"):
        draw_svg(text, 64, where="x")


def test_a_clear_drawing_is_said() -> None:
    with pytest.raises(InputError, match="shows nothing"):
        draw_svg(f"{OPEN}</svg>", 64, where="x")


def test_a_long_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "LARGEST_SVG_BYTES", 100)
    with pytest.raises(InputError, match="simplify it"):
        draw_svg(f"{OPEN}{' ' * 100}</svg>", 64, where="x")


def test_copies_of_copies_end_soon() -> None:
    """Thirty layers that each use the one below twice would be a thousand million shapes."""
    layers = '<g id="a0"><path d="M0 0h9v9z"/></g>' + "".join(
        f'<g id="a{i}"><use href="#a{i - 1}"/><use href="#a{i - 1}"/></g>' for i in range(1, 31)
    )
    with pytest.raises(InputError, match="cannot be drawn"):
        draw_svg(f"{OPEN}{layers}</svg>", 64, where="x")
