"""Stages that look at a picture and score it."""
