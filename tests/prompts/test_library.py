"""The samples that ship with the package: a file in each format, and what it is there to show."""

from pathlib import Path

import pytest

from diptych import read_prompts
from diptych.prompts import reader
from diptych.prompts.variants import resolve

LIBRARY = Path(reader.__file__).parent / "library"
ROWS = {"demo.txt": 40, "variants.txt": 5, "options.txt": 5, "infotext.txt": 2}
ROWS |= {"table.csv": 3, "rows.jsonl": 3, "rows.yaml": 2}


def test_every_sample_is_known_here() -> None:
    assert {path.name for path in LIBRARY.iterdir() if path.is_file()} == set(ROWS)


@pytest.mark.parametrize(("name", "count"), ROWS.items())
def test_a_sample_is_read_whole_and_without_fault(name: str, count: int) -> None:
    rows = list(resolve(read_prompts(LIBRARY / name), wildcards=LIBRARY / "wildcards"))
    assert [row.fault for row in rows] == [None] * count
    assert not any(set("{}_$") & set(row.prompt) for row in rows)


def test_the_samples_show_settings_notes_and_variants() -> None:
    table = list(read_prompts(LIBRARY / "table.csv"))
    assert table[0].settings == {"seed": 7, "num_inference_steps": 12, "guidance_scale": 2}
    assert table[1].notes == {"category": "houses"}
    variants = resolve(
        read_prompts(LIBRARY / "variants.txt"), wildcards=LIBRARY / "wildcards", combinatorial=True
    )
    assert len(list(variants)) == 2 + 6 + 16 + 6 + 4
