"""Stages that make pixels: refining tokens, diffusers pipelines in phases, upscaling."""
