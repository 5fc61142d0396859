"""Sprites for a game: things on a plain ground, which is made transparent, side by side on one sheet.

    python examples/sprites.py [OUT]    # out/examples, if not given
What comes out: OUT/sprites.png, six sprites of 64 x 64 pixels with an alpha channel, ready for a game.
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw

from diptych import TextToImage

THINGS = ["red apple", "yellow fish", "green turtle", "purple balloon", "orange lamp", "pink butterfly"]


def cut_out(image: Image.Image) -> Image.Image:
    """The thing in the middle alone: all that does not hang together with it becomes transparent."""
    sprite = image.resize((64, 64), Image.Resampling.BOX).convert("RGBA")
    for place in [edge for i in range(0, 64, 2) for edge in ((i, 0), (i, 63), (0, i), (63, i))]:
        ImageDraw.floodfill(sprite, place, (0, 0, 0, 0), thresh=90)
    alpha = sprite.getchannel("A")
    ImageDraw.floodfill(alpha, (32, 34), 128)
    sprite.putalpha(alpha.point([255 if value == 128 else 0 for value in range(256)]))
    return sprite


def main(out: Path, *, steps: int | None = None, few: bool = False) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says; `few` sprites only."""
    prompts = [f"a big {thing} in the middle, in the snow, as pixel art" for thing in THINGS]
    result = TextToImage.from_recipe("pocket")(prompts[: 2 if few else 6], seed=2, num_inference_steps=steps)
    sheet = Image.new("RGBA", (64 * len(result.images), 64))
    for i, image in enumerate(result.images):
        sheet.paste(cut_out(image), (64 * i, 0))
    out.mkdir(parents=True, exist_ok=True)
    sheet.save(out / "sprites.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
