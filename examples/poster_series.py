"""A series of posters from a table: each row is a picture, its seed, and the words below it.

    python examples/poster_series.py [OUT]    # out/examples, if not given

What comes out: OUT/posters.png, one sheet with a poster for each row of `posters.csv`, enlarged twice; a
column that is no setting, here `title`, comes along as a note.
"""

import sys
from pathlib import Path

from diptych import Labels, Outcome, TextToImage, Upscale, grid, read_prompts

TABLE = Path(__file__).with_name("posters.csv")


def main(out: Path, *, steps: int | None = None, few: bool = False) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says; `few` posters only."""
    rows = list(read_prompts(TABLE))[: 1 if few else None]
    pipe = TextToImage.from_recipe("pocket")
    loop = {"candidates": 1 if few else 4, "keep": 1 if few else 2, "num_inference_steps": steps}
    requests = [pipe.request(row.prompt, row=i, **{**loop, **row.settings}) for i, row in enumerate(rows, 1)]
    outcomes = [result for result in pipe.run(requests) if isinstance(result, Outcome)]
    posters = Upscale(pipe)([outcome.picture for outcome in outcomes], strength=0 if few else None).images

    out.mkdir(parents=True, exist_ok=True)
    titles = [str(row.notes["title"]) for row in rows]
    grid(posters, columns=2, side=384, labels=Labels(captions=titles)).save(out / "posters.png")
    for title, outcome in zip(titles, outcomes, strict=True):
        print(f"{title}: {outcome.verdict.caption} (score {outcome.verdict.score:.2f})")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
