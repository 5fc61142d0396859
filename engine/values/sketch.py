"""Where the things of a plan stand, and what each looks like, before anything is drafted: pictures from a
memory, laid out on nothing."""

import dataclasses
from typing import TYPE_CHECKING

from .contents import Contents, short, size

if TYPE_CHECKING:
    import torch


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Sketch(Contents):
    """What drafter and refiner are shown beside the words.

    Args:
        pixels: uint8 (h, w, 4) on the CPU, of the request's size: red, green, blue and opacity, which is 0
            where nothing stands.
        wording: what the models read in place of the plan's prompt: things without their names, which they
            need not know.
        shows: which pictures of the memory it is made of: kind and style of each.
    """

    pixels: "torch.Tensor"
    wording: str
    shows: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        fits = self.pixels.ndim == 3 and self.pixels.shape[2] == 4 and str(self.pixels.dtype) == "torch.uint8"
        assert fits, (
            f"pixels of a sketch are uint8 (h, w, 4), not {self.pixels.dtype} {tuple(self.pixels.shape)}"
        )

    def __repr__(self) -> str:
        return f"Sketch({size(self.pixels)}, {short(self.wording)})"
