"""One character in ten scenes: drawn once, shown to the models for each picture, and scored for sameness.

    python examples/same_character.py [OUT]    # out/examples, if not given

What comes out: OUT/same_character.png, the robot in ten scenes, and how much of it stayed as it was drawn.
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw

from diptych import Labels, TextToImage, grid
from diptych.pipelines.evaluation.recalled.sameness import sameness

SCENES = "in a meadow,at the beach,in the desert,in the snow,at night,at sunset,in a forest,in the rain"
BODY = {(45, 20, 155, 105): "teal", (60, 45, 90, 75): "white", (110, 45, 140, 75): "white"}
BODY |= {(55, 110, 145, 190): "orange", (62, 190, 88, 238): "teal", (112, 190, 138, 238): "teal"}


def main(out: Path, *, steps: int | None = None, few: bool = False) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says; a `few` scenes only."""
    robot = Image.new("RGBA", (200, 240))  # any picture of a thing on nothing, or on one colour, does
    for box, colour in BODY.items():
        ImageDraw.Draw(robot).rounded_rectangle(box, 12, fill=colour, outline="black", width=5)
    scenes = [*SCENES.split(","), "in a city", "underwater"][: 2 if few else None]
    prompts, pipe = [f"a robot {scene}" for scene in scenes], TextToImage.from_recipe("atlas")
    made = pipe(prompts, reference=robot, seed=3, num_inference_steps=steps).outcomes
    said = [f"{scene}: {sameness(each):.2f}" for scene, each in zip(scenes, made, strict=True)]
    out.mkdir(parents=True, exist_ok=True)
    page = grid([each.image for each in made], columns=5, side=200, labels=Labels(captions=said))
    page.save(out / "same_character.png")
    print("the same robot:", *said, sep="\n  ")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
