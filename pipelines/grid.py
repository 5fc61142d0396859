"""Kept for older scripts, which import from here: `grid` and `Labels` are names of `diptych` itself today."""

from .sheets.grid import Labels, grid

__all__ = ["Labels", "grid"]
