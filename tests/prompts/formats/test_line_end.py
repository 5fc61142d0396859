"""Options at the end of a line of plain text: which are settings, which are notes, and what stays text."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from diptych import Row

Read = Callable[..., list[Row]]


def one(read: Read, line: str) -> Row:
    (row,) = read(line, format="text")
    return row


def test_settings_apply_and_are_no_part_of_the_prompt(read: Read) -> None:
    row = one(read, "a red cat --seed 5 --steps 2")
    assert (row.prompt, row.fault) == ("a red cat", None)
    assert row.settings == {"seed": 5, "num_inference_steps": 2}


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ("--seed=5 --cfg-scale 2.5", {"seed": 5, "guidance_scale": 2.5}),
        ("--size 64x48", {"width": 64, "height": 48}),
        ('--negative_prompt "bad, blurry" --seed 1', {"negative_prompt": "bad, blurry", "seed": 1}),
        ("--seed -1 --candidates 4", {"candidates": 4}),
        ("--ignore-left-out --rounds 2", {"ignore_left_out": True, "rounds": 2}),
        ("--image cat.png --strength .5", {"image": "cat.png", "strength": 0.5}),
    ],
)
def test_settings_have_the_names_and_spellings_that_they_have_elsewhere(
    read: Read, options: str, settings: dict[str, Any]
) -> None:
    row = one(read, f"a cat {options}")
    assert (row.prompt, row.settings, row.fault) == ("a cat", settings, None)


def test_what_means_nothing_here_becomes_notes(read: Read) -> None:
    row = one(read, "a boat --ar 3:2 --v 6.1 --s 100 --style raw --niji --q .5 --chaos 10 --tile --seed 7")
    assert (row.prompt, row.settings) == ("a boat", {"seed": 7})
    assert row.notes == {
        **{"ar": "3:2", "v": "6.1", "s": "100", "style": "raw", "niji": True},
        **{"q": ".5", "chaos": "10", "tile": True},
    }
    assert one(read, 'a boat --sampler_name "Euler a" --seed 7').notes == {"sampler_name": "Euler a"}


def test_what_midjourney_is_told_to_leave_away_is_the_negative_prompt(read: Read) -> None:
    row = one(read, "a forest --no trees, people --ar 1:1")
    assert (row.prompt, row.settings) == ("a forest", {"negative_prompt": "trees, people"})
    both = one(read, "a forest --no trees --negative blurry")
    assert both.settings == {"negative_prompt": "trees, blurry"}


def test_repeats_are_copies(read: Read) -> None:
    rows = read("a boat --seed 5 --repeat 2\na cat --n_iter 2", format="text")
    assert [(row.prompt, row.settings.get("seed")) for row in rows] == [
        *(("a boat", seed) for seed in (5, 6)),
        *(("a cat", None), ("a cat", None)),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "a sign that says --open--",
        "a sign that says --open-- in red",
        "a sign --seed 5 in the snow",
        "a ship --seed of hope",
        "a ship --style of the old masters",
        "a sign --open wide",
        "a sign --open",
        "a poster --caption hello",
        "a cat --seed 5 --prompt dog",
        '"a cat" says "use --seed 5"',
        "{a cat|a dog --seed 5}",
        "a cat -- a dog",
        "a cat-- --",
        "a cat--seed 5",
    ],
)
def test_what_is_no_option_stays_text(read: Read, line: str) -> None:
    row = one(read, line)
    assert (row.prompt, row.settings, row.notes, row.fault) == (line, {}, {}, None)


def test_a_name_that_nobody_knows_is_text_before_an_option_and_a_note_behind_one(read: Read) -> None:
    before, behind = one(read, "a cat --foo 3 --seed 5"), one(read, "a cat --seed 5 --foo 3")
    assert (before.prompt, before.settings, before.notes) == ("a cat --foo 3", {"seed": 5}, {})
    assert (behind.prompt, behind.settings, behind.notes) == ("a cat", {"seed": 5}, {"foo": "3"})


def test_quotes_say_where_the_prompt_ends(read: Read) -> None:
    assert one(read, '"a cat --seed 5"').prompt == "a cat --seed 5"
    row = one(read, '"a sign --open --seed 1" --seed 5')
    assert (row.prompt, row.settings) == ("a sign --open --seed 1", {"seed": 5})


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("a cat --seed five", "seed = 'five': must be a whole number"),
        ("a cat --steps", "--steps has no value: give it one, or put the line in double quotes"),
        ("a cat --seed 1 --seed 2", "--seed is given twice"),
        ("a cat --steps 1 --num_inference_steps 2", "num_inference_steps is set twice"),
        ("a cat --stepps 7", "no such setting: 'stepps': did you mean 'steps'?"),
        ("a cat --n_iter 2000", "must lie between 1 and 1000"),
        ('"" --seed 5', "has no prompt"),
    ],
)
def test_what_is_wrong_is_said_and_the_other_lines_are_read(read: Read, line: str, fault: str) -> None:
    wrong, right = read(f"{line}\na cat --seed 5", format="text")
    assert wrong.place == "standard input:1" and wrong.fault is not None and fault in wrong.fault
    assert right == Row(prompt="a cat", source="-", line=2, settings={"seed": 5})


@pytest.mark.parametrize("part", [" --a", " --no", " --seed 1", " --" + "-" * 50, " --sref a a", " --p"])
def test_a_line_of_megabytes_is_no_trouble(read: Read, part: str) -> None:
    started = time.process_time()
    read("a cat" + part * (2**20 // len(part)), format="text")
    assert time.process_time() - started < 10
