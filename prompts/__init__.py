"""Prompt files: their formats, one file each, and a library of samples. Imports nothing of the rest."""
