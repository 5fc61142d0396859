"""Lines of options, as AUTOMATIC1111's web UI reads them from a file."""

from collections.abc import Callable

import pytest

from diptych import Row

Read = Callable[..., list[Row]]


def test_the_options_of_the_web_ui_become_settings(read: Read) -> None:
    (row,) = read(
        '--prompt "a red boat, (detailed:1.2)" --negative_prompt "blurry, bad" --seed 7 --steps 20 '
        '--cfg_scale 7.5 --width 512 --height 768 --sampler_name "Euler a" --restore_faces true'
    )
    assert row.prompt == "a red boat, (detailed:1.2)"
    assert row.settings == {
        "negative_prompt": "blurry, bad",
        "seed": 7,
        "num_inference_steps": 20,
        "guidance_scale": 7.5,
        "width": 512,
        "height": 768,
    }
    assert row.notes == {"sampler_name": "Euler a", "restore_faces": "true"}


def test_text_without_quotes_goes_on_to_the_next_option(read: Read) -> None:
    (row,) = read("--prompt a red boat --negative_prompt bad hands --seed 3")
    assert (row.prompt, row.settings["negative_prompt"]) == ("a red boat", "bad hands")


def test_other_spellings_are_understood(read: Read) -> None:
    (row,) = read("--prompt=boat --negative-prompt bad --cfg-scale 2 --num-inference-steps 4")
    assert (row.prompt, row.settings["guidance_scale"], row.settings["num_inference_steps"]) == ("boat", 2, 4)


def test_iterations_and_batches_multiply_the_row_and_its_seeds_go_up(read: Read) -> None:
    rows = read("--prompt boat --seed 5 --n_iter 2 --batch_size 3\n--prompt cat --n_iter 2")
    assert [(row.prompt, row.settings.get("seed")) for row in rows] == [
        *(("boat", seed) for seed in range(5, 11)),
        *(("cat", None), ("cat", None)),
    ]
    assert {row.line for row in rows[:6]} == {1}


def test_a_seed_of_minus_one_is_any_seed(read: Read) -> None:
    assert "seed" not in read("--prompt boat --seed -1")[0].settings


def test_lines_of_options_and_plain_lines_stand_in_one_file(read: Read) -> None:
    rows = read("a red boat --seed 4\n--prompt cat --seed 4\n-- a dash")
    assert [(row.prompt, dict(row.settings)) for row in rows] == [
        ("a red boat", {"seed": 4}),
        ("cat", {"seed": 4}),
        ("-- a dash", {}),
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("--prompt boat --sede 7", "no such option: --sede: did you mean --seed?"),
        ("--prompt boat --stepps 7", "did you mean --steps?"),
        ("--promt boat", "did you mean --prompt?"),
        ("--prompt boat --n_iter -2 --batch_size -3", "n_iter = '-2': must lie between 1 and 1000"),
        ("--prompt boat --seed 1 --seed 2", "--seed is given twice"),
        ("--prompt boat --steps 3 --num_inference_steps 4", "num_inference_steps is set twice"),
        ("--prompt --seed 1", "--prompt has no value"),
        ("--seed 1", "has no prompt"),
        ("--prompt a cat's hat", "no closing quotation: put the whole text in double quotes"),
        ("--prompt boat --seed nan", "seed = 'nan': must be a whole number"),
        ("--prompt boat --steps -3", "steps = '-3': must lie between 1 and 1000"),
        ("--prompt boat --cfg_scale 1e999", "cfg_scale = '1e999': must be a finite number"),
        ("--prompt boat --n_iter 40 --batch_size 40", "asks for 1600 pictures: at most 1000"),
        ("--prompt boat --n_iter 0", "n_iter = '0': must lie between 1 and 1000"),
        ("--prompt " + "a " * 60_000, "a line of options has at most 100000"),
    ],
)
def test_what_is_wrong_is_said_and_the_other_lines_are_read(read: Read, line: str, fault: str) -> None:
    wrong, right = read(f"{line}\n--prompt boat\n")
    assert wrong.place == "standard input:1" and wrong.fault is not None and fault in wrong.fault
    assert right == Row(prompt="boat", source="-", line=2)
