"""Templates for planners."""

from pathlib import Path

import pytest

from diptych.prompts.planner import MAX_CHARACTERS, known_templates, read_template
from diptych.prompts.row import PromptFileError


def test_every_template_tells_of_the_answers_form() -> None:
    assert {"picture", "literal", "tags"} <= set(known_templates())
    for name in known_templates():
        text = read_template(name)
        assert '"prompt"' in text and '"facts"' in text and "JSON" in text


def test_a_users_own_template_is_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("  Plan a picture.\n", encoding="utf-8")
    assert read_template(str(path)) == "Plan a picture."


def test_an_unknown_template_names_the_nearest() -> None:
    with pytest.raises(PromptFileError, match=r"did you mean 'picture'\?.*choose one of"):
        read_template("pictures")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "no UTF-8"),
        (b"a" * (MAX_CHARACTERS + 1), "has"),
    ],
    ids=["missing", "empty", "binary", "long"],
)
def test_a_template_that_is_none_is_refused_in_one_line(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "mine.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PromptFileError, match=f"mine.txt.*{reason}") as caught:
        read_template(str(path))
    assert "\n" not in str(caught.value)
