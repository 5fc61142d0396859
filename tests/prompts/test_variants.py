"""Variants and wildcards: what they become, by chance and in full, and what they may not do."""

import itertools
import os
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from dynamicprompts.generators import CombinatorialPromptGenerator
from dynamicprompts.wildcards.wildcard_manager import WildcardManager

from diptych import PromptFileError, Row
from diptych.prompts.variants import resolve


def row(prompt: str, **more: Any) -> Row:
    return Row(prompt=prompt, source="-", line=1, **more)


def one(prompt: str, seed: int = 0, *, wildcards: Path | None = None) -> str:
    """What the prompt becomes with this seed."""
    (made,) = resolve([row(prompt, settings={"seed": seed})], wildcards=wildcards)
    assert made.fault is None, made.fault
    return made.prompt


def every(prompt: str, wildcards: Path | None = None) -> list[str]:
    """All that the prompt can become."""
    made = list(resolve([row(prompt)], wildcards=wildcards, combinatorial=True))
    assert [each.fault for each in made] == [None] * len(made)
    return [each.prompt for each in made]


def fault(prompt: str, wildcards: Path | None = None, **options: Any) -> str:
    (made,) = resolve([row(prompt)], wildcards=wildcards, **options)
    assert made.fault is not None and made.fault.isprintable()
    return made.fault


PARITY = [
    *(
        "{red|blue} boat",
        "{ red | blue } boat",
        "x{a}y",
        "x{}y",
        "x{a|}",
        "{a|{b|c}}",
        "{a:b|c}",
        "(a:1.2) [b|c] {d|e}",
    ),
    *(
        "{2$$a|b|c}",
        "{2$$ and $$a|b}",
        "{1-2$$ and $$a|b}",
        "x{0-1$$a|b}",
        "{-2$$a|b}",
        "{1-$$a|b}",
        "{2-1$$a|b}",
    ),
    *("{5$$a|b}", "{2$$|$$a|b}", "{2$$a,b|c}", "{0.5::a|2::b}", "{2::a|.5::b|c}", "{2$$a|b} {2$$a|b}", "{a|a}"),
    *(
        "__colour__ x",
        "__colour__ __colour__",
        "{2$$__colour__}",
        "{2$$__colour__|z}",
        "__birds/*__",
        "__birds/sea__",
    ),
    *(
        "__sky__",
        "__boat__",
        "${colour=blue}__boat__",
        "__boat(colour=teal)__",
        "{__colour__|z}",
    ),
    *(
        "${c={a|b}}${c} ${c}",
        "${c= a }x${c}x",
        "${c:q r}",
        "${x={a|b}}{${x}|c}",
        "${x=a}${x=b}${x}",
        "${x=!a}${x}",
    ),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("template", PARITY)
def test_templates_mean_what_they_mean_to_dynamicprompts(template: str, wildcards: Path) -> None:
    reference = CombinatorialPromptGenerator(WildcardManager(wildcards)).generate(template, 1000)
    assert sorted(every(template, wildcards)) == sorted({text.strip() for text in reference})


@pytest.mark.parametrize("template", PARITY)
def test_chance_gives_one_of_all_and_in_the_end_each(template: str, wildcards: Path) -> None:
    expected = set(every(template, wildcards))
    assert {one(template, seed, wildcards=wildcards) for seed in range(60 * len(expected))} == expected


def test_what_is_chosen_hangs_on_the_seed_and_on_nothing_else(wildcards: Path) -> None:
    template = "{a|b|c|d} {2$$e|f|g} __colour__"
    alone = [one(template, seed, wildcards=wildcards) for seed in range(20)]
    rows = [row("{x|y}"), *(row(template, settings={"seed": seed}) for seed in range(20))]
    state = random.getstate()
    assert [each.prompt for each in resolve(rows, wildcards=wildcards)][1:] == alone
    assert random.getstate() == state
    # for ever, since pictures are made anew by their seeds:
    assert alone[:3] == ["b f,g blue", "d f,g blue", "a e,f blue"]


def test_rows_without_a_seed_are_told_theirs_by_their_number() -> None:
    asked: list[int] = []
    rows = [row("{a|b}"), row("c"), row("{a|b}", settings={"seed": 7})]
    list(resolve(rows, seed_of=lambda number: asked.append(number) or 5))
    assert asked == [1]  # where something is to be chosen, and the row has none of its own
    made = [each.prompt for each in resolve([row("{a|b|c|d|e|f}")] * 9, seed_of=lambda number: 5)]
    assert len(set(made)) == 1


def test_what_was_written_is_kept_beside_what_it_became() -> None:
    made = list(resolve([row("{a|b} boat", notes={"tag": 1})], combinatorial=True))
    assert [(each.prompt, each.template, each.notes) for each in made] == [
        ("a boat", "{a|b} boat", {"tag": 1}),
        ("b boat", "{a|b} boat", {"tag": 1}),
    ]


def test_a_negative_prompt_of_which_nothing_is_left_is_none() -> None:
    (found,) = resolve([row("x", settings={"negative_prompt": "{}", "seed": 1})])
    assert found.settings == {"seed": 1} and found.fault is None


def test_a_negative_prompt_is_resolved_too() -> None:
    found = {
        str(next(resolve([row("x", settings={"negative_prompt": "{a|b}", "seed": seed})])).settings)
        for seed in range(20)
    }
    assert (
        found == {str({"negative_prompt": text, "seed": seed}) for seed in range(20) for text in "ab"} & found
    )
    assert len({text.split("'")[3] for text in found}) == 2


def test_rows_that_are_resolved_or_faulty_are_passed_on() -> None:
    rows = [row("{a|b}", template="{a|b}"), row("{a|b}", fault="no"), row("")]
    assert list(resolve(rows[:2])) == rows[:2]


def test_a_wildcard_may_be_chosen_itself(wildcards: Path) -> None:
    assert every("__birds/{sea|land}__ x", wildcards) == ["gull x", "robin x"]
    assert every("${bird=sea}__birds/${bird}__ x", wildcards) == ["gull x"]


def test_weights_decide_how_often() -> None:
    counts = Counter(one("{3::a|1::b|0::c}", seed) for seed in range(2000))
    assert counts["c"] == 0 and 2.4 < counts["a"] / counts["b"] < 3.8
    pairs = Counter(one("{2$$a|100::b|c}", seed) for seed in range(2000))
    assert pairs["b,a"] + pairs["b,c"] > 1900 and 0.7 < pairs["b,a"] / pairs["b,c"] < 1.4


def test_a_variable_that_is_chosen_at_once_is_the_same_everywhere() -> None:
    assert every("${c=!{a|b}}${c} ${c}") == ["a a", "b b"]
    assert every("${c=a}${c?=b}${c}${d?=e}${d}") == ["ae"]
    assert every("{~a|b}") in (["a"], ["b"])


@pytest.mark.parametrize(
    "text",
    [
        *(
            "costs $5, 100 %, } cup #3 // x",
            "(a:1.2) [b:c:0.5] <lora:x:1>",
            r"\(a\) \n",
            "a_b __ c",
            "__ x __",
            "____",
        ),
        *("__init", "a | b"),
    ],
)
def test_what_is_no_variant_stays_as_it_is(text: str) -> None:
    assert one(text) == text


def test_a_backslash_takes_the_meaning_off() -> None:
    assert one(r"\{a|b\} \${c} \__d__ {\||\}}") in ("{a|b} ${c} __d__ |", "{a|b} ${c} __d__ }")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("a {b|c", r"at place 3: a brace is not closed"),
        ("${x", r"${ must be followed by a name"),
        ("${x=a", r"${ is not closed by }"),
        ("${ü}", r"${ must be followed by a name"),
        ("${x}", r"the variable 'x' is not set"),
        ("{@a|b}", r"@ (variants by turns) is not read"),
        ("%{a}", r"%{...} (wrapping) is not read"),
        ("{0::a|0::b}", r"all weights of a variant are 0"),
        ("{|}", r"nothing is left of the prompt"),
        ("{" * 31 + "a" + "}" * 31, r"variants nest more than 30 deep"),
        ("__none__", r"no such wildcard: __none__: did you mean __"),
        ("__color__", r"no such wildcard: __color__: did you mean __colour__?"),
        ("__../colour__", r"no such wildcard: __../colour__"),
        ("__/etc/passwd__", r"no such wildcard: __/etc/passwd__"),
        ("__loop__", r"the prompt has no end"),
        ("${a=${b}}${b=${a}}${a}", r"the prompt has no end"),
        ("{a|b}" + "c" * 100_000, r"at most 100000 are read"),
        ("${a=" + "x" * 90_000 + "}${a}${a}", r"more than 100000 characters"),
    ],
)
def test_what_cannot_be_resolved_says_why(template: str, message: str, wildcards: Path) -> None:
    assert message in fault(template, wildcards)


def test_wildcards_without_a_folder_say_how_to_name_one() -> None:
    assert "name a folder of them with --wildcards" in fault("__colour__")


LAUGHS = "".join(f"${{v{i}=${{v{i + 1}}}${{v{i + 1}}}}}" for i in range(17)) + "${v17=}a${v0}"
MANY = "|".join(map(str, range(2000)))


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{a|b}" * 10, "more than 1000 variants"),
        ("{" + MANY + "}", "more than 1000 variants"),
        ("{5$$" + MANY + "}", "more than 1000 variants"),
        ("{2000$$" + MANY + "}", "at most 100 may be"),
        ("{a|a}" * 40, "too many steps"),
        (LAUGHS, "too many steps"),
    ],
)
def test_what_has_no_end_is_given_up_soon(template: str, message: str) -> None:
    assert message in fault(template, combinatorial=True)


def test_the_bound_of_variants_is_the_users() -> None:
    assert len(list(resolve([row("{a|b}{c|d}")], combinatorial=True, most=4))) == 4
    assert "more than 3 variants" in fault("{a|b}{c|d}", combinatorial=True, most=3)


def test_a_link_out_of_the_folder_is_no_wildcard(tmp_path: Path) -> None:
    folder = tmp_path / "wildcards"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("secret\n")
    os.symlink(tmp_path / "secret.txt", folder / "file.txt")
    os.symlink(tmp_path, folder / "up")
    os.mkfifo(folder / "pipe.txt")
    (folder / "own.txt").write_text("own\n")
    os.symlink(folder / "own.txt", folder / "alias.txt")
    for name in ("file", "up/secret", "*/secret", "pipe"):
        assert "no such wildcard" in fault(f"__{name}__", folder)
    assert every("__*__", folder) == ["own"]


def test_a_wildcard_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"ok\ngr\xfcn\n")
    (tmp_path / "open.txt").write_text("a\n{b\n")
    (tmp_path / "empty.txt").write_text("# nothing\n")
    assert f"{tmp_path / 'latin.txt'}:2: is not UTF-8" in fault("__latin__", tmp_path)
    assert f"{tmp_path / 'open.txt'}:2: at place 1: a brace" in fault("__open__", tmp_path)
    assert "holds no line" in fault("__empty__", tmp_path)
    with pytest.raises(PromptFileError, match=r"is no folder"):
        list(resolve([row("a")], wildcards=tmp_path / "none"))


def test_any_number_of_variants_comes_as_it_is_asked_for() -> None:
    rows = resolve([row(" ".join(["{a|b|c|d|e|f|g|h|i|j}"] * 8))], combinatorial=True, most=10**8)
    first = list(itertools.islice(rows, 5000))
    assert first[0].prompt == "a a a a a a a a" and len({each.prompt for each in first}) == 5000


def test_variants_beyond_the_most_that_may_be_are_a_fault_behind_the_others() -> None:
    template = " ".join(["{a|b|c|d|e|f|g|h|i|j}"] * 4)
    found = list(resolve([row(template)], combinatorial=True, most=5000))
    assert len(found) == 5001 and all(each.fault is None for each in found[:-1])
    assert "more than 5000 variants" in (found[-1].fault or "")
    (few,) = resolve([row(template)], combinatorial=True, most=900)
    assert "more than 900 variants" in (few.fault or "")


def test_a_row_with_a_fault_comes_as_often_as_it_would_without() -> None:
    bad = row("a {red|blue} boat", fault="steps = 0: must be at least 1")
    found = list(resolve([bad, row("a cat")], combinatorial=True))
    assert [each.prompt for each in found] == ["a red boat", "a blue boat", "a cat"]
    assert [each.fault for each in found] == [bad.fault, bad.fault, None]


TABLES = """
colour:
  warm: [red, "3::orange"]
  cold:
    - blue
    - __colour/warm__ and blue
shape: round
"""


def test_tables_of_wildcards_are_read_by_their_keys(tmp_path: Path) -> None:
    """As Dynamic Prompts and the Impact Pack have them."""
    (tmp_path / "mine.yaml").write_text(TABLES)
    (tmp_path / "birds").mkdir()
    (tmp_path / "birds" / "all.json").write_text('{"sea": ["gull", {"text": "tern", "weight": 2}], "none": []}')
    (tmp_path / "places.json").write_text('["harbour", 7]')
    assert every("__colour/warm__", tmp_path) == ["red", "orange"]
    assert every("__colour/cold__", tmp_path) == ["blue", "red and blue", "orange and blue"]
    assert every("__shape__ __birds/sea__", tmp_path) == ["round gull", "round tern"]
    assert every("__places__", tmp_path) == ["harbour", "7"]
    assert len(every("__colour/*__", tmp_path)) == 5
    assert set(every("{2$$ $$__colour/warm__}", tmp_path)) == {"red orange", "orange red"}
    drawn = [one("__colour/warm__", i, wildcards=tmp_path) for i in range(400)]
    assert 0.68 < drawn.count("orange") / 400 < 0.82
    (tmp_path / "colour").mkdir()
    (tmp_path / "colour" / "warm.txt").write_text("pink\n")  # a file of its own wins
    assert every("__colour/warm__", tmp_path) == ["pink"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "a: [b\n", r"a\.yaml:\d: is no YAML here"),
        ("a.yaml", "a: &x [b]\nc: *x\n", "anchors and aliases"),
        ("a.json", "{", r"a\.json: is no JSON that can be read"),
        ("a.json", "[" * 100_000, r"a\.json: is no JSON that can be read"),
        ("a.yaml", "a: ['{b']\n", r"a\.yaml: a: at place 1: a brace is not closed"),
        ("a.yaml", "a: 5\nb: [x]\n", "did you mean __"),
    ],
)
def test_a_table_of_wildcards_that_is_wrong_is_named(
    name: str, text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    assert re.search(message, fault("__c__", tmp_path))
