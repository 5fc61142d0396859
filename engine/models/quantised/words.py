"""What a recipe's `quantize` may be; see `at_load`."""

WORDS = ("int8", "fp8")
