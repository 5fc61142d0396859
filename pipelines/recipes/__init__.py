"""Recipes: one TOML file each, naming the checkpoint and settings of every stage, and their reader."""

DEFAULT_RECIPE = "atlas"
"""The recipe where none is named."""

SERVED: tuple[str, ...] = (DEFAULT_RECIPE, "pocket")
"""What a server offers where no recipe is named; they share their weights."""
