"""Pipelines that begin with a picture, and what they share: one short file each."""
