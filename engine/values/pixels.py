"""What pixels are everywhere: uint8 on the CPU, (h, w, 3), RGB."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import PIL.Image
    import torch


def check_pixels(pixels: "torch.Tensor") -> None:
    shape = tuple(pixels.shape)
    assert pixels.ndim == 3 and shape[2] == 3, f"pixels are (h, w, 3), not {shape}"
    assert str(pixels.dtype) == "torch.uint8", f"pixels are uint8, not {pixels.dtype}"


def to_image(pixels: "torch.Tensor") -> "PIL.Image.Image":
    import PIL.Image

    return PIL.Image.fromarray(pixels.numpy())
