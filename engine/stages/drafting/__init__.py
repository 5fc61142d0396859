"""Stages that write image tokens, and one that asks the drafter where something is in a picture."""
