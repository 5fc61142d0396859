"""A scene as a picture, with the mask and the boxes of its things. The same scene gives the same picture."""

import random
from dataclasses import dataclass

from PIL import Image

from ..scene import COLOURS, Scene
from .backgrounds import BACKGROUNDS, Backdrop
from .layout import fit, slots_of
from .painter import Painter, line_of
from .pen import Pen
from .style_renderers import STYLE_RENDERERS, StyleRenderer, crisp
from .things import LOOKS

Box = tuple[int, int, int, int]

MIN_SIZE_PX = 16
_NEAREST = Image.Resampling.NEAREST


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """`image` RGB; `mask` L (0 background, n the n-th thing); `boxes` left, top, right, bottom px of each."""

    image: Image.Image
    mask: Image.Image
    boxes: tuple[Box, ...]


def render(scene: Scene, size: int = 256) -> Rendered:
    """Draw `scene` as a square of `size` pixels a side; `ValueError` below 16."""
    if size < MIN_SIZE_PX:
        raise ValueError(f"a picture of {size} px is too small to draw: at least {MIN_SIZE_PX}")
    style = STYLE_RENDERERS[scene.style]
    cells = min(style.blocks or size, size)  # what the picture has of its own pixels, a side
    finer = 3 if cells >= 128 else 4 if cells >= 64 else 3  # drawn this much larger, for smooth edges
    canvas = _background(scene, cells, style).resize((cells * finer, cells * finer), _NEAREST)
    fine_mask = Image.new("L", canvas.size)
    _paint_things(scene, Painter(canvas, fine_mask, style.edge), edge=style.edge.width)
    if style.blocks:
        image, mask = crisp(canvas, fine_mask, cells)
    else:
        image, mask = canvas.reduce(finer), fine_mask.resize((cells, cells), _NEAREST)
    if style.finish is not None:
        rng = random.Random(f"{scene.variation}/{scene.style}")
        image, mask = style.finish(image, mask, rng)
    if cells < size:
        image, mask = (each.resize((size, size), _NEAREST) for each in (image, mask))
    boxes = tuple(_box_of(mask, index + 1) for index in range(len(scene.things)))
    return Rendered(image=image, mask=mask, boxes=boxes)


def _background(scene: Scene, cells: int, style: StyleRenderer) -> Image.Image:
    finer = 3 if style.blocks else 2
    drawn = Image.new("RGB", (cells * finer, cells * finer))
    rng = random.Random(f"{scene.variation}/{scene.setting}")
    BACKGROUNDS[scene.setting](Backdrop(drawn, thinnest=1 / cells, raised=style.edge.raised), rng)
    ground = drawn.resize((cells, cells), _NEAREST) if style.blocks else drawn.reduce(finer)
    return ground if style.behind is None else style.behind(ground)


def _paint_things(scene: Scene, painter: Painter, *, edge: float) -> None:
    for index, (thing, slot) in enumerate(zip(scene.things, slots_of(scene), strict=True)):
        look, colour = LOOKS[thing.kind], COLOURS[thing.colour]
        rng = random.Random(f"{scene.variation}/{index}/{thing.kind}")
        pen = Pen()
        look.draw(pen, colour, rng)
        paths = [path for stroke in pen.strokes for path in stroke.paths]
        placement = fit(paths, slot, rng, floats=look.floats, lean=look.lean, edge=edge)
        painter.paint(pen.strokes, placement, label=index + 1, line=line_of(colour))


def _box_of(mask: Image.Image, label: int) -> Box:
    found = mask.point([255 if value == label else 0 for value in range(256)]).getbbox()
    assert found is not None, f"thing {label} left no mark on a mask of {mask.size}"
    return found
