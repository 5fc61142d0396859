"""Requests under way, round by round."""
