"""What pixels are everywhere: uint8 on the CPU, (h, w, 3), RGB."""

import hashlib
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


def pixels_digest(pixels: "torch.Tensor") -> str:
    """SHA-256 of shape and bytes in hex digits, also of pictures with alpha, (h, w, 4): it names a picture,
    whatever file it came from."""
    whole = hashlib.sha256(f"{tuple(pixels.shape)}".encode())
    whole.update(pixels.contiguous().numpy().tobytes())
    return whole.hexdigest()
