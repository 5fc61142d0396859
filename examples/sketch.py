"""A rough drawing becomes a picture: its tokens are the draft, and the refiner paints them.

    python examples/sketch.py [OUT]    # out/examples, if not given

What comes out: OUT/sketch.png: a scribble of a red house, made here of three shapes, and two pictures of it,
one that follows it closely and one that takes liberties.
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw

from diptych import Labels, Sketch, grid


def scribble() -> Image.Image:
    """A sky, a meadow, a house."""
    image = Image.new("RGB", (256, 256), (170, 215, 240))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 170, 256, 256), fill=(110, 190, 80))
    draw.rectangle((80, 120, 180, 210), fill=(214, 40, 40), outline=(50, 30, 40), width=5)
    draw.polygon([(66, 124), (130, 62), (194, 124)], fill=(190, 30, 36), outline=(50, 30, 40), width=5)
    return image


def main(out: Path, *, steps: int | None = None, few: bool = False) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says."""
    sketch, drawing = Sketch.from_recipe("pocket"), scribble()
    images, prompt = [drawing], "a big red house in the middle, in a meadow"
    for strength in (0.0, 0.5):
        images += sketch(prompt, image=drawing, strength=strength, seed=2, num_inference_steps=steps).images
    out.mkdir(parents=True, exist_ok=True)
    labels = Labels(captions=["the drawing", "painted", "half of its tokens drawn anew"])
    grid(images, columns=3, labels=labels).save(out / "sketch.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
