"""From a red balloon by day to a blue one at night, as an animation that runs there and back for ever.

    python examples/interpolation.py [OUT]    # out/examples, if not given

What comes out: OUT/interpolation.gif, 16 frames there and 14 back, and a strip of them in
OUT/interpolation.png. The drafts go over into each other everywhere at once, and the noise goes along.
"""

import sys
from pathlib import Path

from diptych import Interpolate, Labels, grid


def main(out: Path, *, steps: int | None = None, few: bool = False) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says; `few` frames only."""
    prompts = ["a big red balloon in the middle in a meadow", "a big blue balloon in the middle at night"]
    frames = 3 if few else 16
    animation = Interpolate.from_recipe("pocket")(prompts, seed=4, frames=frames, num_inference_steps=steps)

    out.mkdir(parents=True, exist_ok=True)
    animation.save(out / "interpolation.gif", fps=10)
    shown = animation.images[:: 1 if few else 3]
    captions = [f"frame {1 + i * (1 if few else 3)}" for i in range(len(shown))]
    grid(shown, columns=6, side=160, labels=Labels(captions=captions)).save(out / "interpolation.png")
    print(f"{len(animation.images)} frames")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
