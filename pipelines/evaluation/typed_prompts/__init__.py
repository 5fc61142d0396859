"""Prompts as people type them: what was understood, what was left out, whether the score is right."""
