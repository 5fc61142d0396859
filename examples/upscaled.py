"""A picture four times as large, repainted in overlapping tiles, beside a plain enlargement of the same detail.

    python examples/upscaled.py [OUT]    # out/examples, if not given

What comes out: OUT/upscaled-large.png, 1024 x 1024 pixels, and OUT/upscaled.png: the picture, a detail of it
enlarged plainly, and the same detail upscaled.
"""

import sys
from pathlib import Path

from diptych import Labels, TextToImage, Upscale, grid


def main(out: Path, *, steps: int | None = None, few: bool = False) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says; a `few` tiles only."""
    pipe = TextToImage.from_recipe("pocket")
    outcome = pipe("a big blue car in the middle in the city", seed=5, num_inference_steps=steps).outcomes[0]
    scale = 2 if few else 4
    (larger,) = Upscale(pipe)(outcome.picture, scale=scale, num_inference_steps=steps).images

    out.mkdir(parents=True, exist_ok=True)
    larger.save(out / "upscaled-large.png")
    plain = outcome.image.resize(larger.size, resample=1)  # Lanczos
    box = (64 * scale, 96 * scale, 160 * scale, 192 * scale)
    images = [outcome.image, plain.crop(box).resize((384, 384)), larger.crop(box).resize((384, 384))]
    captions = ["the picture", "a detail, Lanczos", f"the detail, upscaled {scale}x"]
    grid(images, columns=3, side=256, labels=Labels(captions=captions)).save(out / "upscaled.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
