"""An album that is searched by words: pictures made earlier are found again by what they show.

    python examples/album.py [OUT]    # out/examples, if not given

What comes out: OUT/album.png, for each of three searches the picture that fits it best, out of eight.
"""

import sys
from pathlib import Path

from diptych import Labels, Outcome, PictureJudge, TextToImage, grid

ALBUM = "a red boat at the beach;a white house in the snow;a green tree in a meadow;a black cat at night;" + (
    "an orange train in the city;a yellow bird in a forest;a red car in the desert;a blue fish under water"
)
SEARCHES = ["a red car", "at night", "a fish under water"]


def fit(outcome: Outcome, words: str, judge: PictureJudge) -> tuple[int, float]:
    """How many of the words its caption has; then, how well they fit the picture."""
    shared = set(words.split()) & set(outcome.verdict.caption.replace(",", "").split())
    return len(shared), judge.score(outcome.image, words).score


def main(out: Path, *, steps: int | None = None, few: bool = False) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says; a `few` pictures only."""
    prompts, pipe = ALBUM.split(";")[-3 if few else 0 :], TextToImage.from_recipe("pocket")
    outcomes = pipe(prompts, seed=3, num_inference_steps=steps).outcomes
    judge, images, captions = PictureJudge.from_recipe("pocket"), [], []
    for search in SEARCHES[: 1 if few else None]:
        found = max(outcomes, key=lambda outcome: fit(outcome, search, judge))
        images.append(found.image)
        captions.append(f"{search!r} finds: {found.verdict.caption}")
    out.mkdir(parents=True, exist_ok=True)
    grid(images, columns=3, side=224, labels=Labels(captions=captions)).save(out / "album.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
