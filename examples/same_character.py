"""One character in ten scenes: drawn once, shown to the models for each picture, and scored for sameness.

    python examples/same_character.py [OUT]    # out/examples, if not given

What comes out: OUT/same_character.png; beside OUT, same_character/recipe.toml, which knows the robot.
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw

from diptych import Labels, TextToImage, grid
from diptych.pipelines.evaluation.recalled.sameness import sameness
from diptych.pipelines.training.data.art_data import ArtSource
from diptych.pipelines.training.memory import make_memory

SCENES = "in a meadow,at the beach,in the desert,in the snow,at night,at sunset,in a forest,in the rain"
BODY = {(45, 20, 155, 105): "teal", (60, 45, 90, 75): "white", (110, 45, 140, 75): "white"}
BODY |= {(55, 110, 145, 190): "orange", (62, 190, 88, 238): "teal", (112, 190, 138, 238): "teal"}


def main(out: Path, *, steps: int | None = None, few: bool = False) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says; a `few` scenes only."""
    known, robot = out.parent / "same_character", Image.new("RGBA", (200, 240))
    for box, colour in BODY.items():
        ImageDraw.Draw(robot).rounded_rectangle(box, 12, fill=colour, outline="black", width=5)
    for folder in (out, known / "drawings"):
        folder.mkdir(parents=True, exist_ok=True)
    robot.save(known / "drawings" / "robot.png")  # any picture with opacity; prompts call it by its name
    pipe = TextToImage.from_recipe(make_memory(known, ArtSource(folders=(known / "drawings",))))
    scenes = [*SCENES.split(","), "in a city", "underwater"][: 2 if few else None]
    made = pipe([f"a robot {scene}" for scene in scenes], seed=3, num_inference_steps=steps).outcomes
    said = [f"{scene}: {sameness(each):.2f}" for scene, each in zip(scenes, made, strict=True)]
    grid([each.image for each in made], columns=5, labels=Labels(captions=said)).save(
        out / "same_character.png"
    )
    print("the same robot:", *said, sep="\n  ")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
