"""Requests that come and go while others are under way."""
