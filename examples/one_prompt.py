"""One prompt becomes one picture, and what was planned, seen and found on the way is printed.

    python examples/one_prompt.py [OUT]

What comes out: OUT/one_prompt.png (OUT is out/examples if not given), a red boat at sunset, 256 x 256 pixels.
The same seed gives the same picture on every run.
"""

import sys
from pathlib import Path

from diptych import TextToImage


def main(out: Path, *, steps: int | None = None) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says."""
    pipe = TextToImage.from_recipe("pocket")
    result = pipe("a red boat at sunset", seed=7, num_inference_steps=steps)
    outcome = result.outcomes[0]

    out.mkdir(parents=True, exist_ok=True)
    result.images[0].save(out / "one_prompt.png")

    print(f"planned: {outcome.plan.prompt}")
    if outcome.left_out:
        print(f"not drawn: {', '.join(map(str, outcome.left_out))}")
    print(f"seen:    {outcome.verdict.caption} (score {outcome.verdict.score:.2f})")
    for answer in outcome.verdict.answers:
        whose = "asked" if answer.fact.asked else "added"
        print(f"  {whose}: {answer.fact.text}: {'yes' if answer.shown else 'no'} ({answer.probability:.0%})")
    print(out / "one_prompt.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
