"""Requests under way: wave by wave, or as they come."""
