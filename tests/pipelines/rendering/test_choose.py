"""Choices among a batch's pictures: other candidates made again, ratings, and what they leave as it was."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych import InputError, TextToImage
from diptych.pipelines.cli.choose import run_choose
from diptych.pipelines.rendering.choose import choose
from diptych.pipelines.rendering.output.choices import CHOICES, Choice, Choices
from diptych.pipelines.rendering.output.record import Record
from diptych.pipelines.rendering.provenance.provenance import read_history
from diptych.pipelines.rendering.provenance.rerender import rerender


@pytest.fixture
def exact(make_pipe: Callable[..., TextToImage]) -> TextToImage:
    return make_pipe(batch_invariant=True)


@pytest.fixture
def out(render: Any, exact: TextToImage, tmp_path: Path) -> Path:
    render(exact, tmp_path / "out", "a boat", "a cat", "a hill", candidates=4, accept=1.0, rounds=2)
    return tmp_path / "out"


def files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def records(out: Path) -> list[Record]:
    return [Record.from_json(line) for line in (out / "results.jsonl").read_text().splitlines()]


def test_every_candidate_can_be_taken_and_is_the_one_that_was_seen(out: Path, exact: TextToImage) -> None:
    record = records(out)[1]
    assert len(record.candidates) == 8
    for candidate in record.candidates:
        (chosen,) = choose(out, picks={2: candidate["index"]}, ratings={}, make_pipe=lambda history: exact)
        assert chosen.trouble == ""
        if candidate["chosen"]:
            assert (chosen.choice.pick, chosen.choice.picture) == (None, None)
            continue
        assert chosen.choice.picture == f"0002-a-cat.pick-{candidate['index']}.png"
        history = read_history(out / f"0002-a-cat.pick-{candidate['index']}.png")
        assert history["candidate"] == candidate["index"]
        assert history["draft"] is not None and history["draft"]["tokens"] == candidate["tokens"]
        reasons = [each["reason"] for each in history["candidates"] if each["chosen"]]
        assert len(reasons) == 1 and reasons[0].startswith("picked by hand: score ")


def test_a_picked_picture_is_made_again_from_its_own_history(out: Path, exact: TextToImage) -> None:
    other = next(each["index"] for each in records(out)[0].candidates if not each["chosen"])
    (chosen,) = choose(out, picks={1: other}, ratings={}, make_pipe=lambda history: exact)
    assert chosen.choice.picture is not None
    (again,) = rerender([out / chosen.choice.picture], make_pipe=lambda history: exact)
    assert again.difference == "" and again.data == (out / chosen.choice.picture).read_bytes()


def test_what_the_run_made_stays_and_going_on_makes_nothing(out: Path, exact: TextToImage, render: Any) -> None:
    before = files(out)
    other = next(each["index"] for each in records(out)[0].candidates if not each["chosen"])
    list(choose(out, picks={1: other}, ratings={3: 4}, make_pipe=lambda history: exact))
    after = files(out)
    changed = {name for name in after if after[name] != before.get(name)}
    picked = f"0001-a-boat.pick-{other}.png"
    assert changed == {CHOICES, "gallery/choices.js", picked, f"gallery/thumbnails/0001.pick-{other}.webp"}
    assert before.keys() <= after.keys()
    render(exact, out, "a boat", "a cat", "a hill", candidates=4, accept=1.0, rounds=2)
    assert {name: files(out)[name] for name in after if not name.startswith(("gallery/", "."))} == {
        name: data for name, data in after.items() if not name.startswith(("gallery/", "."))
    }
    assert f'"pick":{other}' in (out / "gallery/choices.js").read_text()


def test_choices_are_taken_back(out: Path, exact: TextToImage) -> None:
    other = next(each["index"] for each in records(out)[0].candidates if not each["chosen"])
    list(choose(out, picks={1: other}, ratings={1: 5, 2: 1}, make_pipe=lambda history: exact))
    assert Choices.read(out).rows[1].rating == 5 and Choices.read(out).rows[1].pick == other
    list(choose(out, picks={1: None}, ratings={2: 0}))
    assert Choices.read(out).rows == {1: Choice(id=records(out)[0].id, rating=5)}


@pytest.mark.parametrize(
    ("picks", "ratings", "message"),
    [
        ({9: 1}, {}, "there is no row 9: results.jsonl lists the rows"),
        ({1: 77}, {}, "row 1 has no candidate 77: it has 0, 1, 2, 3, 4, 5, 6, 7"),
        ({1: 1}, {9: 3}, "there is no row 9"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_is_done(
    out: Path, picks: dict[int, int | None], ratings: dict[int, int], message: str
) -> None:
    before = files(out)
    with pytest.raises(InputError, match=message):
        choose(out, picks=picks, ratings=ratings)
    assert files(out) == before


def test_a_folder_without_a_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no results\.jsonl lies there: name the folder that render wrote"):
        choose(tmp_path, picks={}, ratings={1: 3})
    assert list(tmp_path.iterdir()) == []


def test_a_choice_is_of_the_row_that_it_was_made_for(out: Path, exact: TextToImage, render: Any) -> None:
    list(choose(out, picks={}, ratings={1: 5}))
    render(exact, out, "another boat", "a cat", "a hill", candidates=4, accept=1.0, rounds=2)
    list(choose(out, picks={1: None}, ratings={}))
    assert Choices.read(out).rows == {}


def test_a_damaged_file_of_choices_stops_no_run_and_is_not_overwritten(
    out: Path, exact: TextToImage, render: Any
) -> None:
    (out / CHOICES).write_text("{")
    render(exact, out, "a boat", "a cat", "a hill", "a sea", candidates=4, accept=1.0, rounds=2)
    with pytest.raises(InputError, match=r"choices\.json"):
        list(choose(out, picks={}, ratings={1: 5}))
    assert (out / CHOICES).read_text() == "{"


def test_the_command_says_what_became_of_each_row(
    out: Path, exact: TextToImage, capsys: pytest.CaptureFixture[str]
) -> None:
    other = next(each["index"] for each in records(out)[0].candidates if not each["chosen"])
    assert run_choose(out, {1: other}, {1: 2, 3: 5}, make_pipe=lambda history: exact) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"row 1: 0001-a-boat.pick-{other}.png, 2 of 5 stars",
        "row 3: the engine's own candidate, 5 of 5 stars",
    ]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=9), each, max_size=4),
    max_leaves=12,
)
LINES = st.fixed_dictionaries(
    {},
    optional={
        "version": st.just(1) | JUNK,
        "rows": st.dictionaries(
            st.sampled_from(["1", "2", "03", "0", "x", "9" * 30]),
            st.dictionaries(st.sampled_from(["id", "pick", "picture", "rating"]), JUNK, max_size=4) | JUNK,
            max_size=4,
        ),
    },
)


@given(values=LINES | JUNK)
def test_whatever_stands_in_the_file_it_is_read_or_refused(
    values: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("choices")
    (out / CHOICES).write_text(json.dumps(values))
    try:
        choices = Choices.read(out)
    except InputError:
        return
    assert Choices.read(out).to_json() == choices.to_json()
    assert all("/" not in (choice.picture or "") for choice in choices.rows.values())
