import re
import tomllib
from collections import defaultdict

import pytest

from diptych.pipelines.pocket.art.things import (
    LANGUAGES,
    SIZES_BY_NATURE,
    STANDS,
    TABLE,
    TURNED,
    an,
    known_kinds,
    own_kinds,
)
from diptych.pipelines.pocket.world import COLOURS
from diptych.pipelines.pocket.world.more_words import MORE_KINDS
from diptych.pipelines.pocket.world.words import KIND_WORDS, plural

KINDS = {**known_kinds(), **own_kinds()}


def test_the_table_has_hundreds_of_kinds_in_order_one_a_line() -> None:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(known_kinds()) >= 600
    for kinds in (known_kinds(), own_kinds()):
        assert list(kinds) == sorted(kinds)


def test_every_row_keeps_to_its_vocabulary() -> None:
    for kind in KINDS.values():
        assert re.fullmatch(r"[a-z][a-z' -]*", kind.name), kind.name
        assert re.fullmatch(r"[a-z0-9-]+", kind.icon), kind
        assert kind.stands in STANDS and kind.size in SIZES_BY_NATURE and kind.category
        assert set(kind.colours) <= set(COLOURS) and kind.own in ("", *COLOURS)
        assert kind.turns in ("", "grey", "not blue") and (kind.colours or not kind.turns), kind.name


def test_every_kind_is_drawn_by_an_icon_of_its_own() -> None:
    assert len({kind.icon for kind in KINDS.values()}) == len(KINDS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_wording_names_two_kinds(language: str) -> None:
    named = defaultdict(set)
    for kind in KINDS.values():
        said = kind.said[language]
        assert all(word == " ".join(word.split()) and word for word in said.words), kind.name
        for word in filter(None, (*said.words, *said.plurals)):
            named[word.lower()].add(kind.name)
    assert {word: kinds for word, kinds in named.items() if len(kinds) > 1} == {}


def test_every_english_wording_has_a_plural_or_stands_bare() -> None:
    for kind in KINDS.values():
        said = kind.said["en"]
        assert said.words[0] == kind.name and kind.plural and kind.name not in said.bare
        assert len(said.plurals) == len(said.words)
        assert {
            word for word, several in zip(said.words, said.plurals, strict=True) if not several
        } == said.bare


@pytest.mark.parametrize("language", ["fr", "de", "es", "pt"])
def test_nouns_have_a_gender_and_a_plural(language: str) -> None:
    genders = "mfn" if language == "de" else "mf"
    assert all(kind.said[language].gender in tuple(genders) for kind in KINDS.values())
    assert all(kind.said[language].plural for kind in KINDS.values())


def test_labels_are_nouns_without_what_labels_add() -> None:
    for kind in KINDS.values():
        for language in LANGUAGES:
            assert not [word for word in kind.said[language].words if re.search(r"[()/,;|]|の顔$|चेहरा, ", word)]


def test_words_of_the_illustrated_world_name_the_same_kinds_here() -> None:
    """A prompt means one thing, whichever hand draws it; but balloons of the world carry people, and such a one
    is a thing of its own here."""
    words = {}
    for kind, ways in KIND_WORDS.items():
        more, several = MORE_KINDS[kind]
        words |= {way: kind for way in (*ways, *map(plural, ways), *more, *several)}
    for kind in KINDS.values():
        for word in (*kind.said["en"].words, *kind.said["en"].plurals):
            if kind.name != "hot-air balloon":
                assert words.get(word, kind.name) == kind.name, word


def test_all_kinds_of_the_illustrated_world_are_known_by_the_same_name() -> None:
    assert set(KIND_WORDS) <= set(KINDS)
    assert set(KIND_WORDS) - set(known_kinds()) == {"lighthouse", "lamp"}  # no set has them


def test_what_people_never_have_is_not_turned_to_other_colours() -> None:
    table = tomllib.loads(TURNED.read_text(encoding="utf-8"))
    named = [*table["any"], *table["grey"], *table["some"]]
    assert len(named) == len({*named}) and {*named} <= {*KINDS}
    assert not {KINDS[name].category for name in named} & {"people", "body"}
    assert all(len(KINDS[name].colours) >= len(COLOURS) - 1 for name in named)
    assert KINDS["elephant"].colours == tuple(COLOURS) and KINDS["mouse"].turns == "grey"


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("hourglass", "an hourglass"),
        ("unicorn", "a unicorn"),
        ("red ufo", "a red ufo"),
        ("umbrella", "an umbrella"),
        ("x-ray", "an x-ray"),
        ("one-piece swimsuit", "a one-piece swimsuit"),
        ("owl", "an owl"),
        ("suv", "an suv"),
    ],
)
def test_articles(phrase: str, expected: str) -> None:
    assert an(phrase) == expected
