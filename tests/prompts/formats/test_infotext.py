"""Infotext: blocks as web UIs write them into pictures and logs."""

from collections.abc import Callable

import pytest

from diptych import PromptFileError, Row

Read = Callable[..., list[Row]]

TWO = """\
a red boat at sunset, (detailed:1.2)
on {calm|rough} water
Negative prompt: blurry,
bad hands
Steps: 20, Sampler: Euler a, CFG scale: 7.5, Seed: 965400086, Size: 512x768, Model: "a, b", Batch size: 4

a blue fish
Steps: 10, CFG scale: 3, Seed: -1
"""


def test_blocks_become_rows(read: Read) -> None:
    boat, fish = read(TWO)
    assert boat.prompt == boat.template == "a red boat at sunset, (detailed:1.2)\non {calm|rough} water"
    assert boat.settings == {
        "negative_prompt": "blurry,\nbad hands",
        "num_inference_steps": 20,
        "guidance_scale": 7.5,
        "seed": 965400086,
        "width": 512,
        "height": 768,
    }
    assert boat.notes == {"Sampler": "Euler a", "Model": "a, b", "Batch size (infotext)": "4"}
    assert (fish.prompt, fish.line, fish.settings) == (
        "a blue fish",
        7,
        {"num_inference_steps": 10, "guidance_scale": 3},
    )


def test_a_block_may_end_without_a_blank_line_and_without_parameters(read: Read) -> None:
    rows = read("boat\nSteps: 2, Seed: 1\ncat\nNegative prompt: dog\n\nfish\n\n")
    assert [(row.prompt, row.line) for row in rows] == [("boat", 1), ("cat", 3), ("fish", 6)]
    assert rows[1].settings == {"negative_prompt": "dog"}


def test_parameters_behind_a_blank_line_belong_to_the_prompt_before_it(read: Read) -> None:
    (row,) = read("boat\n\nNegative prompt: cat\n\nSteps: 2, Seed: 1\n")
    assert (row.prompt, row.settings["negative_prompt"], row.settings["seed"]) == ("boat", "cat", 1)


def test_a_template_among_the_parameters_is_a_note(read: Read) -> None:
    (row,) = read('boat\nSteps: 2, Seed: 1, Template: "{boat|cat}, x", Negative Template: y\n')
    assert row.prompt == row.template == "boat"
    assert row.notes == {"Template (infotext)": "{boat|cat}, x", "Negative Template": "y"}


def test_a_value_that_cannot_be_is_the_fault_of_its_block_alone(read: Read) -> None:
    wrong, right = read("boat\nSteps: 2, CFG scale: nan\n\ncat\nSteps: 3\n")
    assert (wrong.prompt, wrong.fault) == ("boat", "CFG scale = 'nan': must be a number")
    assert right == Row(prompt="cat", template="cat", source="-", line=4, settings={"num_inference_steps": 3})


def test_a_block_without_a_prompt_says_so(read: Read) -> None:
    assert read("Negative prompt: cat\nSteps: 3, Seed: 1\n")[0].fault == "has no prompt"


def test_a_block_without_end_is_refused(read: Read) -> None:
    with pytest.raises(PromptFileError, match=r"standard input:1: a block has more than 200000 characters"):
        read("a boat\n" * 40_000, format="infotext")
