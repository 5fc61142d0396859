"""Whether a device makes the pictures that the CPU makes: the pocket recipe on both, row by row.

    python -m diptych.benchmarks.harness.parity [--device cuda:1] [--prompts 8]

Prints one JSON object and exits with 1 where anything differs: tokens must be equal, pixels within `PIXELS` of
255, scores within `SCORE`.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from ...engine.values import Outcome
from ...pipelines.device import choose_device
from ...pipelines.text_to_image import TextToImage
from .prompts import benchmark_prompts
from .report import dump

PIXELS = 2
SCORE = 1e-3


def compare(one: Sequence[Outcome], other: Sequence[Outcome]) -> dict[str, Any]:
    """The greatest differences between rows of the same requests, and whether they are within the limits.

    Rows whose tokens differ are counted, and their pixels and scores left out: they are other pictures.
    """
    pairs = list(zip(one, other, strict=True))
    alike = [pair for pair in pairs if _same_tokens(*pair)]
    pixels = [int((a.picture.pixels.int() - b.picture.pixels.int()).abs().max()) for a, b in alike]
    scores = [abs(_score(a) - _score(b)) for a, b in alike]
    plans = sum(a.plan.prompt == b.plan.prompt for a, b in pairs)
    found = {
        "rows": len(pairs),
        "same_plans": plans,
        "same_tokens": len(alike),
        "pixels_apart": max(pixels, default=0),
        "scores_apart": max(scores, default=0.0),
    }
    within = len(alike) == len(pairs) and found["pixels_apart"] <= PIXELS and found["scores_apart"] <= SCORE
    return found | {"within": within, "limits": {"pixels": PIXELS, "score": SCORE}}


def _same_tokens(one: Outcome, other: Outcome) -> bool:
    if one.draft is None or other.draft is None:
        return one.draft is other.draft
    return one.draft.tokens.equal(other.draft.tokens)


def _score(outcome: Outcome) -> float:
    return outcome.best.verdict.score if outcome.best.verdict is not None else 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 where the device keeps within the limits."""
    parser = argparse.ArgumentParser(prog="parity")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--prompts", type=int, default=8)
    said = parser.parse_args(arguments)
    device = choose_device(said.device)
    prompts = list(benchmark_prompts(said.prompts))
    made = {
        where: list(TextToImage.from_recipe("pocket", device=where)(prompts, seed=5).outcomes)
        for where in dict.fromkeys(("cpu", device))
    }
    found = compare(made["cpu"], made[device])
    print(dump({"device": device, **found}))
    return 0 if found["within"] else 1


if __name__ == "__main__":
    sys.exit(main())
