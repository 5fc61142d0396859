"""Recipes: one TOML file each, naming the checkpoint and settings of every stage, and their reader."""
