"""A story in six pictures with one hero, who keeps kind and colour from panel to panel.

    python examples/storyboard.py [OUT]    # out/examples, if not given

What comes out: OUT/storyboard.png, a page of six panels above their captions: Mia, a red cat, out in all
weathers, and whom she meets.
"""

import sys
from pathlib import Path

from diptych import Storyboard
from diptych.pipelines.text_to_image import Wishes

SCENES = [
    "Mia in a meadow",
    "Mia at the beach",
    "Mia on the left and Bo on the right, in a forest",
    "Mia and Bo, in the rain",
    "Mia in the city",
    "Mia at night",
]


def main(out: Path, *, steps: int | None = None, few: bool = False) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says; `few` panels only."""
    cast = {"Mia": "a red cat", "Bo": "a blue bird"}
    scenes = SCENES[2:3] if few else SCENES
    storyboard = Storyboard.from_recipe("pocket")
    wishes: Wishes = {"num_inference_steps": steps, "candidates": 2 if few else 4, "keep": 1 if few else 2}
    story = storyboard(scenes, cast=cast, title="Mia goes out", seed=2, **wishes)

    out.mkdir(parents=True, exist_ok=True)
    story.page.save(out / "storyboard.png")
    for scene, outcome in zip(story.captions, story.outcomes, strict=True):
        print(f"{scene}: {outcome.verdict.caption}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
