"""Prompts for a planner that knows some words only: read by rule into a wish, and a wish into words again."""
