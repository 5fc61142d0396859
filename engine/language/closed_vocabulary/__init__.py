"""Prompts for a planner with a closed vocabulary: read by rule into a wish, and written out again."""
