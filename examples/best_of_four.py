"""Four drafts, two of them painted, one picture kept: why each candidate won or lost is printed.

    python examples/best_of_four.py [OUT]

What comes out: OUT/best_of_four.png (OUT is out/examples if not given), the candidate that the captioner scores
highest for "a blue house and a green tree in the snow"; and OUT/draft-0.png to draft-3.png, the four drafts.
"""

import sys
from pathlib import Path

from diptych import TextToImage


def main(out: Path, *, steps: int | None = None) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says."""
    pipe = TextToImage.from_recipe("pocket")
    prompt = "a blue house and a green tree in the snow"
    outcome = pipe(prompt, seed=3, candidates=4, keep=2, num_inference_steps=steps).outcomes[0]

    out.mkdir(parents=True, exist_ok=True)
    outcome.image.save(out / "best_of_four.png")
    for candidate in outcome.trail:
        print(f"candidate {candidate.index}: {candidate.reason}")
        if candidate.draft is not None:
            preview = candidate.draft.image
            preview.resize((256, 256), resample=0).save(out / f"draft-{candidate.index}.png")
    print(f"kept: candidate {outcome.best.index}, {outcome.verdict.caption}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
