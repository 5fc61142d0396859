"""Seeing inside: how a picture came about, as a picture."""
