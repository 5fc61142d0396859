"""How a picture came about: the plan, the draft as it grew, how sure each token was, the paint, the answers.

    python examples/explained.py [OUT]    # out/examples, if not given

What comes out: OUT/explained.png, one sheet that tells the story of "a green turtle at the beach". On the
command line, `diptych render -p "..." --explain` writes one beside each picture.
"""

import sys
from pathlib import Path

from diptych import Explanations, TextToImage


def main(out: Path, *, steps: int | None = None, few: bool = False) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says."""
    explanations = Explanations()
    pipe = TextToImage.from_recipe("pocket")
    prompt = "a big green turtle in the middle at the beach"
    outcome = pipe(prompt, seed=8, num_inference_steps=steps, watch=explanations).outcomes[0]

    out.mkdir(parents=True, exist_ok=True)
    explanations.picture(outcome).save(out / "explained.png")
    confidence = explanations.glimpses(outcome.request).confidence
    print(f"the least sure token had a probability of {min(confidence):.3f}, the surest {max(confidence):.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
