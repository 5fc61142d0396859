"""CSV and TSV, with the columns that people have."""

import csv
import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych import PromptFileError, Row, read_prompts

Read = Callable[..., list[Row]]

# Lines of PartiPrompts (google-research/parti, Apache-2.0), as they are.
PARTI = """\
Prompt\tCategory\tChallenge\tNote
bond\tAbstract\tBasic\tBiology-inspired concepts with multiple meanings
Dogs playing poker\tAnimals\tImagination\tDescription of "Dogs Playing Poker"
"G I G G L E" painted in thick colorful lettering\tIllustrations\tWriting & Symbols\t
a grumpy porcupine handing a check for $10,000 to a smiling peacock\tAnimals\tWriting & Symbols\t
"""


def test_partiprompts_is_read_as_it_is(read: Read) -> None:
    rows = read(PARTI)
    assert [row.prompt for row in rows] == [line.split("\t")[0] for line in PARTI.splitlines()[1:]]
    assert [row.line for row in rows] == [2, 3, 4, 5]
    assert rows[1].notes == {
        "Category": "Animals",
        "Challenge": "Imagination",
        "Note": 'Description of "Dogs Playing Poker"',
    }


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_columns_become_settings_whatever_stands_between_them(read: Read, delimiter: str) -> None:
    lines = [
        ["Prompt", "Negative Prompt", "seed", "cfg", "Steps", "size", "n"],
        ["a boat", "bad", "7", "2.5", "20", "64x32", "x"],
    ]
    (row,) = read("\n".join(delimiter.join(cells) for cells in lines))
    assert row.prompt == "a boat"
    assert row.settings == {
        "negative_prompt": "bad",
        "seed": 7,
        "guidance_scale": 2.5,
        "num_inference_steps": 20,
        "width": 64,
        "height": 32,
    }
    assert row.notes == {"n": "x"}


@pytest.mark.parametrize(
    "name", ["prompt", "Prompts", "text", "TEXT", "caption", "Positive prompt", "sentence"]
)
def test_the_prompt_goes_by_many_names(read: Read, name: str) -> None:
    assert read(f"id,{name}\n3,a boat\n", format="table")[0].prompt == "a boat"


def test_prompt_is_preferred_to_other_names_for_it(read: Read) -> None:
    (row,) = read("caption,prompt\nseen,wished\n", format="table")
    assert (row.prompt, row.notes) == ("wished", {"caption": "seen"})


def test_cells_in_quotes_hold_commas_quotes_and_lines(read: Read) -> None:
    rows = read('prompt,seed\n"a ""red"" boat, at\nsea",3\n\n"cat",\n')
    assert [(row.prompt, row.line, dict(row.settings)) for row in rows] == [
        ('a "red" boat, at\nsea', 2, {"seed": 3}),
        ("cat", 5, {}),
    ]


def test_a_cell_of_a_tsv_may_stand_in_quotes_as_a_whole(read: Read) -> None:
    assert read('prompt\tseed\n"a ""red"" boat"\t3\n')[0].prompt == 'a "red" boat'


def test_a_bad_row_does_not_keep_the_others_from_being_read(read: Read) -> None:
    rows = read('prompt,seed\na,x\nb,1,2\n"c" c,1\n,5\nd,4\n')
    assert [row.fault for row in rows] == [
        "seed = 'x': must be a whole number",
        "has 3 cells, the header 2: put text with ',' in quotes",
        """quotes do not match (',' expected after '"'): a quote inside of quotes is written twice""",
        "has no prompt",
        None,
    ]
    assert [row.line for row in rows] == [2, 3, 4, 5, 6]


def test_a_cell_that_is_too_large_is_the_fault_of_its_row(read: Read) -> None:
    wrong, right = read("prompt,seed\n" + "a" * 200_000 + ",1\nb,2\n")
    assert "field larger than field limit" in str(wrong.fault) and right.prompt == "b"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", r"standard input:1: no column is called prompt"),
        ("", r"standard input:1: no column is called prompt"),
        ("prompt,seed,Seed\n", r"standard input:1: two columns are called 'Seed'"),
        ("prompt,heigth\n", r"standard input:1: no such setting: 'heigth': did you mean 'height'\?"),
        ('prompt,seed\na,1\n"b,2\nc,3\n', r"standard input:3: quotes do not match \(unexpected end of data\)"),
    ],
)
def test_what_is_no_table_of_prompts_is_refused(read: Read, text: str, message: str) -> None:
    with pytest.raises(PromptFileError, match=message):
        read(text, format="table")


words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), min_size=1, max_size=20)


@given(st.lists(st.tuples(words, st.integers(0, 2**63 - 1), words), min_size=1, max_size=5))
def test_what_csv_writes_is_read(rows: list[tuple[str, int, str]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([("prompt", "seed", "note"), *rows])
    found = read_prompts(io.BytesIO(text.getvalue().encode()), format="table")
    assert [(row.prompt, row.settings["seed"], row.notes["note"]) for row in found] == rows
