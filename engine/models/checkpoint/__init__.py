"""Checkpoints: the files, their sizes, and how weights come from them to the device and go again."""
