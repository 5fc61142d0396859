"""Checkpoints: their files, their sizes, and how weights get to the device and leave it."""
