"""Benchmark: what the LoRA weights of a row cost, to put on and to work with."""

from .lora import measure as measure
