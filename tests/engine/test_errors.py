"""A message is one line that can be read, whatever the names in it hold."""

import pytest

from diptych.engine.errors import MOST_SAID, DiptychError, InputError


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("boat.png", "boat.png"),
        ("a\nb\tc", r"a\nb\tc"),
        ("a\x1b[31mb\x07", r"a\x1b[31mb\x07"),
        ("写真\u3000一.png", "写真\u3000一.png"),
        ("a\u2028b\u202eb", r"a\u2028b\u202eb"),
        ("a\udcffb", r"a\udcffb"),
        ("Füße 猫 👩\u200d🎨", "Füße 猫 👩\u200d🎨"),
    ],
)
def test_a_message_is_one_line_that_can_be_read(name: str, shown: str) -> None:
    for kind in (DiptychError, InputError):
        assert str(kind(f"{name}: no such file")) == f"{shown}: no such file"


def test_what_has_several_arguments_or_none_is_said_as_ever() -> None:
    assert str(DiptychError()) == ""
    assert str(DiptychError("a", 1)) == "('a', 1)"


def test_a_message_keeps_its_ends_where_it_is_too_long() -> None:
    said = str(InputError(f"image {'x/' * 100_000}y.png: no such file: check the path"))
    assert len(said) < MOST_SAID + 10 and said.startswith("image x/") and said.endswith("check the path")
