"""The fixed colours that set off a thing's own, and details that several kinds share."""

from ..scene import RGB
from .pen import DARK, Pen, oval

WHITE: RGB = (252, 252, 250)
PALE: RGB = (246, 232, 206)
GLASS: RGB = (196, 230, 248)
BROWN: RGB = (124, 78, 44)
GOLD: RGB = (255, 198, 44)
LEAF: RGB = (84, 160, 62)
PINK: RGB = (240, 140, 150)
GREY: RGB = (120, 122, 132)
SILVER: RGB = (190, 194, 204)

_NEARLY_WHITE = 700  # red, green and blue together


def beside(colour: RGB, otherwise: RGB) -> RGB:
    """White, to set off `colour`; `otherwise` where `colour` is nearly white itself."""
    return WHITE if sum(colour) < _NEARLY_WHITE else otherwise


def eye(pen: Pen, x: float, y: float, radius: float) -> None:
    pen.mark(oval(x, y, radius, radius), fill=WHITE)
    pen.mark(oval(x, y, radius * 0.55, radius * 0.6), fill=DARK)
