"""Prompts in any words: nouns and what is said of them, relations between things, and whether a plan agrees."""
