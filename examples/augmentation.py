"""Generated pictures as training data: a small classifier learns from two renders a kind, then from more.

    python examples/augmentation.py [OUT]    # out/examples, if not given
What comes out: OUT/augmentation.png, the generated pictures; and in print the accuracy on 200 other renders."""

import random
import sys
from pathlib import Path

import torch

from diptych import TextToImage, grid
from diptych.pipelines.pocket.world import prompt_of, render, sample_scene


def accuracy(train: list, tests: list) -> float:  # of ridge regression on random convolutions
    x = torch.stack([torch.tensor([*image.resize((32, 32)).tobytes()]) for image, _ in train + tests]) / 255
    filters = torch.randn(512, 3, 7, 7, generator=torch.manual_seed(0))
    x = torch.conv2d(x.view(-1, 32, 32, 3).permute(0, 3, 1, 2) - 0.5, filters).amax((2, 3)) / 30
    y, n = torch.eye(4)[[kind for _, kind in train + tests]], len(train)
    weights = torch.linalg.solve(x[:n].T @ x[:n] + torch.eye(512), x[:n].T @ y[:n])
    return float(((x[n:] @ weights).argmax(1) == y[n:].argmax(1)).float().mean())


def main(out: Path, *, steps: int | None = None, few: bool = False) -> None:
    scenes = [sample_scene(random.Random(i), "alone", style="flat") for i in range(1800)]
    kinds = [[s for s in scenes if s.things[0].kind == kind] for kind in ("boat", "cat", "house", "tree")]
    shown = [(render(s, 64).image, i) for i, each in enumerate(kinds) for s in each[:2]]
    asked = [(render(s, 64).image, i) for i, each in enumerate(kinds) for s in each[2:52]]
    wishes = [(prompt_of(s), i) for i, each in enumerate(kinds) for s in each[52 : 53 if few else 64]]
    made = TextToImage.from_recipe("pocket")([wish for wish, _ in wishes], num_inference_steps=steps)
    more = [(each.image, wishes[each.request.row - 1][1]) for each in made.outcomes]
    out.mkdir(parents=True, exist_ok=True)
    grid(made.images, columns=12, side=96).save(out / "augmentation.png")
    print(f"accuracy {accuracy(shown, asked):.0%}; with {len(more)} more {accuracy(shown + more, asked):.0%}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
