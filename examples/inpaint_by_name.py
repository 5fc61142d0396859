"""A thing is named, found and changed; all around it stays byte for byte as it was.

    python examples/inpaint_by_name.py [OUT]    # out/examples, if not given

What comes out: OUT/inpaint_by_name.png: a red boat at the beach, and the same beach with a blue boat and with
a green turtle in its place.
"""

import sys
from pathlib import Path

from diptych import Inpaint, Labels, grid

PLACE = "in the middle, at the beach"


def main(out: Path, *, steps: int | None = None, few: bool = False) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says; a `few` changes only."""
    inpaint = Inpaint.from_recipe("pocket")
    before = inpaint.pipe(f"a big red boat {PLACE}", seed=5, num_inference_steps=steps).outcomes[0]
    images, captions = [before.image], ["a red boat"]
    for new in ["a big blue boat", "a big green turtle"][: 1 if few else 2]:
        loop = {"candidates": 1 if few else 4, "num_inference_steps": steps}
        images += inpaint(f"{new} {PLACE}", image=before, mask_image="boat", seed=5, **loop).images
        captions.append(f"{new}, in place of the boat")
    out.mkdir(parents=True, exist_ok=True)
    grid(images, columns=len(images), labels=Labels(captions=captions)).save(out / "inpaint_by_name.png")
    print(captions)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
