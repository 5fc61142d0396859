"""The colours of all that is laid out on paper: sheets, explanations, curves. Red, green, blue, 0 to 255."""

Colour = tuple[int, int, int]

PAPER: Colour = (250, 249, 246)
INK: Colour = (33, 31, 36)
FAINT: Colour = (104, 100, 108)
"""For what is said beside: numbers, notes, what is not asked for."""
LINE: Colour = (224, 222, 216)
"""Of grids, empty places and empty bars."""

GOOD: Colour = (36, 112, 74)
POOR: Colour = (138, 82, 16)
BAD: Colour = (178, 52, 44)

CURVES: tuple[Colour, ...] = ((28, 98, 200), (216, 96, 20), (40, 140, 70), (150, 60, 170), (120, 120, 120))
"""Told apart by most eyes, the first ones best."""
