"""Benchmark: what judging and trying again lift alignment by, and at what cost."""

from .loop import measure as measure
