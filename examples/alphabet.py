"""A children's alphabet: a letter, a word, a picture; of four drafts the best two are painted, one is kept.

    python examples/alphabet.py [OUT]    # out/examples, if not given

What comes out: OUT/alphabet.png, a sheet of twelve pictures, "A is for apple" to "U is for umbrella", each
thing big, in the middle and in a colour of its own.
"""

import sys
from pathlib import Path

from diptych import Labels, TextToImage, grid

WORDS = "red apple, orange boat, black cat, yellow fish, blue house, purple lamp, " + (
    "red mushroom, green rocket, brown snail, green tree, blue turtle, pink umbrella"
)


def main(out: Path, *, steps: int | None = None, few: bool = False) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says; `few` letters only."""
    things = WORDS.split(", ")[: 2 if few else None]
    pipe = TextToImage.from_recipe("pocket")
    prompts = [f"a big {thing} in the middle in a meadow" for thing in things]
    candidates, keep = (2, 1) if few else (4, 2)
    result = pipe(prompts, seed=1, candidates=candidates, keep=keep, num_inference_steps=steps)

    out.mkdir(parents=True, exist_ok=True)
    nouns = [thing.split()[-1] for thing in things]
    captions = [f"{noun[0].upper()} is for {noun}" for noun in nouns]
    grid(result.images, columns=4, side=192, labels=Labels(captions=captions)).save(out / "alphabet.png")
    print(f"{len(result.images)} letters, {sum(o.accepted for o in result.outcomes)} accepted by the captioner")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
