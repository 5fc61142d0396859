"""YAML: defaults and rows."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from diptych import PromptFileError, Row, read_prompts

Read = Callable[..., list[Row]]

FILE = """\
# what all have
defaults: {steps: 20, negative: "blurry"}
rows:
  - a red boat
  - prompt: no
    seed: 010
    tags: [x, ~]
  - {caption: "#3: a cup", negative: ugly, cfg: 1.5}
  - prompt: >
      two
      lines
"""


def test_defaults_and_rows(read: Read) -> None:
    rows = read(FILE)
    assert [(row.prompt, row.line) for row in rows] == [
        ("a red boat", 4),
        ("no", 5),
        ("#3: a cup", 8),
        ("two lines", 9),
    ]
    assert rows[0].settings == {"num_inference_steps": 20, "negative_prompt": "blurry"}
    assert rows[1].settings["seed"] == 10 and rows[1].notes == {"tags": ["x", None]}
    assert rows[2].settings["negative_prompt"] == "ugly" and rows[2].settings["guidance_scale"] == 1.5


def test_a_list_alone_and_several_documents(read: Read) -> None:
    assert [row.prompt for row in read("- a\n- prompt: b\n---\n- c\n...\n---\nprompt: d\n", format="yaml")] == [
        *"abcd"
    ]


def test_a_bad_row_does_not_keep_the_others_from_being_read(read: Read) -> None:
    rows = read("- {prompt: a, cfg: .nan}\n- [a]\n- {prompt: b, widht: 3}\n- {seed: 3}\n- c\n", format="yaml")
    assert [row.fault for row in rows] == [
        "cfg = '.nan': must be a number",
        "is neither text nor names with values, e.g. prompt and seed",
        "no such setting: 'widht': did you mean 'width'?",
        "has no prompt",
        None,
    ]


BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(24)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, r"standard input:1: anchors and aliases \(&, \*\) are not read: write the values out"),
        ("- prompt: a\n- <<: *x\n", r"standard input:2: anchors and aliases"),
        ("rows:\n  - a\n - b\n", r"standard input:3: is no YAML here: did not find expected"),
        ("- prompt: a: b\n", r"standard input:1: is no YAML here: mapping values are not allowed"),
        ("- a\n- \x01\n", r"standard input:\d: is no YAML here: control characters are not allowed"),
        ("- " * 3000, r"standard input:1: is nested too deep"),
        ("- {prompt: a, tags: " + "[" * 100 + "]" * 100 + "}", r"standard input:1: is nested too deep"),
        ("- {prompt: a, seed: 1, seed: 2}\n", r"standard input:1: 'seed' is set twice"),
        ("- {[a]: b}\n", r"standard input:1: a name must be text"),
        ("rows: [a]\ndefaults: {seed: 1}\n", r"standard input:2: defaults stand behind the rows"),
        ("# nothing\n", r"standard input: holds no prompt"),
    ],
)
def test_what_is_no_yaml_of_prompts_is_refused(read: Read, text: str, message: str) -> None:
    with pytest.raises(PromptFileError, match=message):
        read(text, format="yaml")


def test_a_tag_makes_no_object(read: Read) -> None:
    (row,) = read("- !!python/object/apply:os.system [echo]\n", format="yaml")
    assert row.fault is not None
    assert read("- prompt: !!python/name:os.system x\n", format="yaml")[0].prompt == "x"


words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), min_size=1, max_size=20)
notes = st.recursive(
    st.none() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.tuples(words, st.integers(0, 2**63 - 1), notes), min_size=1, max_size=4), st.booleans())
def test_what_yaml_writes_is_read(rows: list[tuple[str, int, Any]], flow: bool) -> None:
    objects = [{"prompt": prompt, "seed": seed, "about it": note} for prompt, seed, note in rows]
    text = yaml.dump({"rows": objects}, Dumper=_Plain, default_flow_style=flow, allow_unicode=True)
    found = read_prompts(io.BytesIO(text.encode()), format="yaml")
    assert [(row.prompt, row.settings["seed"], row.notes["about it"]) for row in found] == rows


class _Plain(yaml.SafeDumper):
    """Writes each value out, where it stands a second time, too."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
