"""Products have the same bits wherever the numbers lie in memory, unless somebody has said otherwise."""

import os
import subprocess
import sys

import pytest

from diptych.engine.guards.alignment import VARIABLE, forget_alignment

PRODUCTS = """
import diptych, torch
torch.set_num_threads(1)
for rows, inner, columns in [(1, 64, 64), (1, 48, 160), (2, 64, 64), (16, 32, 48), (77, 33, 31)]:
    generator = torch.Generator().manual_seed(0)
    given = [torch.randn(*shape, generator=generator) for shape in ((rows, inner), (columns, inner))]
    made = set()
    for which in (0, 1):
        for offset in range(16):
            moved = [each.clone() for each in given]
            room = torch.empty(given[which].numel() + 64)
            first = -room.data_ptr() // 4 % 16 + offset
            moved[which] = room[first : first + given[which].numel()].view_as(given[which]).copy_(given[which])
            made.add(torch.nn.functional.linear(*moved).numpy().tobytes())
    print(len(made), end=" ")
"""


def test_it_is_said_once_and_what_somebody_said_stands() -> None:
    environment: dict[str, str] = {}
    assert forget_alignment(environment) and environment == {VARIABLE: "AUTO"}
    chosen = {VARIABLE: "COMPATIBLE"}
    assert not forget_alignment(chosen) and chosen == {VARIABLE: "COMPATIBLE"}


@pytest.mark.parametrize("first", ["", "import torch\n"])
def test_products_do_not_depend_on_where_the_numbers_lie(first: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", first + PRODUCTS], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["1"] * 5, done.stderr
