"""Adapters to language models of transformers: planners and drafters of image tokens."""
