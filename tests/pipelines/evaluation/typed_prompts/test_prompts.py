"""The prompts as people type them: every line is sound, and a line that is not is named."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from diptych.engine.errors import InputError
from diptych.pipelines.evaluation.typed_prompts.prompts import SPLITS, TypedPrompt, read_typed, typed_prompts

CAT: dict[str, Any] = {
    "prompt": "A cat wearing a hat",
    "facts": [["thing", "a cat"]],
    "left_out": ["wearing", "hat"],
    "either": [],
    "tags": ["action"],
    "language": "en",
    "split": "development",
}


def test_every_line_is_sound_and_there_is_enough_of_each_sort() -> None:
    prompts = read_typed()
    assert len(prompts) >= 300 and len({typed.prompt for typed in prompts}) == len(prompts)
    assert [typed.split for typed in prompts] == sorted((t.split for t in prompts), key=SPLITS.index)
    for split in SPLITS:
        part = typed_prompts(split)
        languages = Counter(typed.language for typed in part)
        assert languages["fr"] > len(part) / 10 and languages["en"] > len(part) / 2
        cannot = sum(bool(typed.left_out) for typed in part)
        assert 0.4 < cannot / len(part) < 0.6
        tags = {tag for typed in part for tag in typed.tags}
        assert {"count", "negation", "relation", "spelling", "syntax", "unknown", "paraphrase"} <= tags
        assert all(any(kind == "thing" for kind, _ in typed.facts) for typed in part)


def test_the_first_of_each_split_are_taken() -> None:
    assert [typed.split for typed in typed_prompts("all", first=2)] == [s for s in SPLITS for _ in range(2)]
    assert typed_prompts("held-out", first=3) == typed_prompts("held-out")[:3]
    with pytest.raises(InputError, match="split 'dev': not known: choose one of development, held-out, all"):
        typed_prompts("dev")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"left_out": ["hats"]}, "'hats' is no word of it"),
        ({"left_out": ["wear"]}, "'wear' is no word of it"),
        ({"either": ["sombrero"]}, "'sombrero' is no word of it"),
        ({"facts": [["thing", "cat"]]}, r"\('thing', 'cat'\) is no canonical fact"),
        ({"facts": [["thing", "a hat"]]}, "is no canonical fact"),
        ({"facts": [["relation", "a cat over a house"]]}, "is no canonical fact"),
        ({"language": "de"}, "language 'de': choose one of en, fr"),
        ({"split": "test"}, "split 'test'"),
        ({"facts": 3}, "is no typed prompt"),
    ],
)
def test_a_line_that_is_not_sound_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "typed.jsonl"
    path.write_text(f"{json.dumps(CAT)}\n{json.dumps({**CAT, **change})}\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"line 2: .*{message}"):
        read_typed(path)


def test_words_are_found_in_any_case_and_with_accents() -> None:
    typed = TypedPrompt(prompt="L'Épée du CHAT", facts=(("thing", "a cat"),), left_out=("épée",), language="fr")
    assert typed.left_out == ("épée",)
