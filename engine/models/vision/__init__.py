"""Adapters to models that look at pictures: captioners, chat models, the image tokenizer."""
