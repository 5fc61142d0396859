"""What other packages bring along is found by name, loaded when asked for, and refused in a line."""

import importlib.metadata
from collections.abc import Callable
from typing import Any

import pytest

from diptych.engine import extensions
from diptych.engine.errors import InputError
from diptych.engine.extensions import extension, names

Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Pretends that packages with these entry points are installed."""
    made: list[importlib.metadata.EntryPoint] = []
    real = importlib.metadata.entry_points

    def entry_points(**wanted: Any) -> importlib.metadata.EntryPoints:
        found: Any = [*importlib.metadata.EntryPoints(made).select(**wanted), *real(**wanted)]
        return importlib.metadata.EntryPoints(found)

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)

    def install(group: str, **values: str) -> None:
        made.extend(importlib.metadata.EntryPoint(name, value, group) for name, value in values.items())

    return install


def test_what_is_brought_along_is_found(install: Install) -> None:
    install(extensions.STAGES, sharpen="fractions:Fraction", blur="decimal:Decimal")
    from fractions import Fraction

    assert extension(extensions.STAGES, "sharpen") is Fraction
    assert names(extensions.STAGES) == ["blur", "sharpen"]
    assert extension(extensions.STAGES, "emboss") is None and extension(extensions.FAMILIES, "blur") is None


def test_nothing_is_imported_before_it_is_asked_for(install: Install) -> None:
    install(extensions.STAGES, broken="no_such_module_at_all:Stage")
    assert names(extensions.STAGES) == ["broken"]


@pytest.mark.parametrize("value", ["no_such_module_at_all:Stage", "fractions:NoSuchThing"])
def test_what_cannot_be_loaded_is_said_in_a_line(install: Install, value: str) -> None:
    install(extensions.STAGES, broken=value)
    with pytest.raises(
        InputError, match=rf"'broken' cannot be loaded from {value} \(.*\): mend or remove"
    ) as said:
        extension(extensions.STAGES, "broken")
    assert "\n" not in str(said.value)


def test_two_of_one_name_are_refused(install: Install) -> None:
    install(extensions.FAMILIES, oak="fractions:Fraction")
    install(extensions.FAMILIES, oak="decimal:Decimal")
    with pytest.raises(InputError, match="is brought by decimal:Decimal and fractions:Fraction: remove one"):
        extension(extensions.FAMILIES, "oak")


def test_packages_are_told_by_what_they_bring() -> None:
    """Of pytest's own, which is installed wherever these tests run."""
    entries = importlib.metadata.entry_points(group="console_scripts", name="pytest")
    version = importlib.metadata.version("pytest")
    assert entries and extensions.packages("console_scripts", ["pytest", "nobody"]) == {"pytest": version}
    assert extensions.packages("console_scripts", ["nobody"]) == {}
