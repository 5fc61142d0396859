"""Benchmark: how much judging and trying again improve alignment, and at what cost."""

from .loop import measure as measure
