"""Stages that write image tokens, and what asks the drafter where in a picture something is."""
