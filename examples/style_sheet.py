"""One subject in every style that the models know, all from one seed.

    python examples/style_sheet.py [OUT]    # out/examples, if not given

What comes out: OUT/style_sheet.png, a yellow house flat, in watercolour, in ink, as pixel art and as a paper
cut.
"""

import sys
from pathlib import Path

from diptych import StyleSheet


def main(out: Path, *, steps: int | None = None, few: bool = False) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says; `few` styles only."""
    styles = ("in ink", "as pixel art") if few else ()
    sheet = StyleSheet.from_recipe("pocket")
    subject = "a big yellow house in the middle in a meadow"
    result = sheet(subject, styles=styles, seed=3, num_inference_steps=steps, candidates=1 if few else 3)

    out.mkdir(parents=True, exist_ok=True)
    result.page.save(out / "style_sheet.png")
    for style, outcome in zip(result.styles, result.outcomes, strict=True):
        print(f"{style}: {outcome.verdict.caption} (score {outcome.verdict.score:.2f})")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
