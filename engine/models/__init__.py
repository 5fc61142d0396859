"""Models of the libraries, as stages use them. What checkpoints there are beside folders is said here."""

from .checkpoint.roots import add_opener
from .quantised.gguf_header import ENDING
from .quantised.gguf_planner import unpacked

add_opener(ENDING, unpacked)
