"""Prompts in any words: nouns with what is said of them, who is where, and whether a plan agrees."""
