"""A prompt file becomes a folder of pictures, each saved as soon as it is finished.

    python examples/prompt_file.py [OUT]

What comes out: OUT/garden-1.png … (OUT is out/examples if not given), one for each prompt of `garden.txt`: a
flower, a bird, a cat, a mushroom. One prompt of the file has no word that the models know: it fails with the
reason, and the others go on.
"""

import sys
from pathlib import Path

from diptych import Failure, TextToImage, read_prompts

PROMPTS = Path(__file__).with_name("garden.txt")


def main(out: Path, *, steps: int | None = None) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says."""
    out.mkdir(parents=True, exist_ok=True)
    pipe = TextToImage.from_recipe("pocket")
    prompts = [row.prompt for row in read_prompts(PROMPTS)]
    for result in pipe.stream(prompts, seed=1, num_inference_steps=steps):
        row = result.request.row
        if isinstance(result, Failure):
            print(f"{row}. failed at {result.stage}: {result.reason}")
            continue
        result.image.save(out / f"garden-{row}.png")
        left_out = "".join(f", not drawn: {words}" for words in result.left_out)
        score = f"score {result.verdict.score:.2f}{left_out}"
        print(f"{row}. {result.request.prompt}: {result.verdict.caption} ({score})")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
