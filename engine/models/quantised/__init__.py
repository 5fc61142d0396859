"""Weights of fewer bits: files that hold them, and making them when a model is loaded."""
