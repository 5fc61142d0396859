"""Stages that make a Plan of a prompt."""
