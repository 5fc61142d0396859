"""A stage of your own in the chain: here one that makes every Plan a winter scene before it is drawn.

    python examples/custom_stage.py [OUT]    # out/examples, if not given

What comes out: OUT/custom_stage.png, the same prompt and seed without and with the stage. It says what it
takes and gives, and which models it uses; the chain is checked when it is built."""

import dataclasses
import sys
from pathlib import Path
from typing import Any

from diptych import Plan, TextToImage, grid
from diptych.engine.chain import Chain


class Winter:
    """Plan to Plan; uses no model, and needs no memory."""

    name, takes, gives, uses = "winter", Plan, Plan, ()
    workspace = staticmethod(lambda batch: 0)

    def run(self, batch: Any, models: Any, context: Any, /) -> list[Plan]:
        return [dataclasses.replace(plan, prompt=plan.prompt.split(",")[0] + ", in the snow") for plan in batch]


def main(out: Path, *, steps: int | None = None, few: bool = False) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says."""
    pipe, prompt = TextToImage.from_recipe("pocket"), "a red house in a meadow"
    images = pipe(prompt, seed=6, num_inference_steps=steps).images
    plan, *others = pipe.runner.chain.stages
    pipe.runner.chain = Chain([plan, Winter(), *others])
    images = images + pipe(prompt, seed=6, num_inference_steps=steps).images
    out.mkdir(parents=True, exist_ok=True)
    grid(images, columns=2).save(out / "custom_stage.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
