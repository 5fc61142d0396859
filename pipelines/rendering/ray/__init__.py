"""Rendering on many machines, by Ray."""
