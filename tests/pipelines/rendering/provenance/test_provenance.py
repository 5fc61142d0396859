"""What a picture says of itself."""

import io
import json
import re
from pathlib import Path
from typing import Any

import PIL.Image
import PIL.PngImagePlugin
import pytest

from diptych import InputError, Outcome, TextToImage
from diptych.engine.values.pixels import pixels_digest
from diptych.pipelines.cli.show import run_show
from diptych.pipelines.rendering.provenance.provenance import (
    history_of,
    picture_bytes,
    picture_id,
    plan_of,
    read_history,
)
from diptych.prompts.reader import read_prompts

OLDER = Path(__file__).parents[1] / "older" / "history.json"
"""Written before facts told what was asked from what was added."""


@pytest.fixture
def outcome(pipe: TextToImage) -> Outcome:
    return pipe("ein grünes Boot 船", seed=7, candidates=3, negative_prompt="blurry, dark").outcomes[0]


def test_a_picture_carries_its_whole_history(outcome: Outcome, pipe: TextToImage, tmp_path: Path) -> None:
    path = tmp_path / "boat.png"
    path.write_bytes(picture_bytes(outcome, pipe.environment(), template="ein {grünes|rotes} Boot 船"))
    history: Any = read_history(path)
    request, environment = history["request"], history["origin"]
    assert (request["prompt"], request["seed"]) == ("ein grünes Boot 船", 7)
    assert request["template"] == "ein {grünes|rotes} Boot 船"
    assert request["settings"]["negative_prompt"] == "blurry, dark" and request["settings"]["candidates"] == 3
    assert history["plan"]["prompt"] == outcome.plan.prompt
    assert history["plan"]["facts"][0] == {"kind": "thing", "text": "a boat", "asked": True, "span": None}
    assert outcome.draft is not None and history["draft"]["tokens"] == outcome.draft.token_hash
    assert history["candidate"] == outcome.best.index and len(history["candidates"]) == 3
    assert history["verdict"]["caption"] == outcome.verdict.caption
    assert {"diptych", "torch", "transformers", "diffusers"} <= set(environment["versions"])
    assert (environment["recipe"], environment["deterministic"], environment["micro_batch"]) == (
        "fake",
        False,
        16,
    )
    assert environment["device"].startswith("cpu")
    told = history_of(outcome, pipe.environment(), template=request["template"])
    told["pixels"] = pixels_digest(outcome.picture.pixels)
    assert history == json.loads(json.dumps(told))
    assert picture_id(path) == history["id"]


def test_a_picture_says_what_was_asked_what_was_added_and_what_was_left_out(
    pipe: TextToImage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (outcome,) = pipe("a boat with a hat", accept=0.0).outcomes
    path = tmp_path / "boat.png"
    path.write_bytes(picture_bytes(outcome, pipe.environment()))
    history: Any = read_history(path)
    asked, added = history["plan"]["facts"]
    assert (asked["asked"], asked["span"]) == (True, {"start": 0, "end": 6, "text": "a boat"})
    assert (added["asked"], added["span"]) == (False, None)
    assert history["plan"]["left_out"] == [{"start": 14, "end": 17, "text": "hat"}]
    assert [fact["asked"] for fact in history["verdict"]["facts"]] == [True, False]
    assert history["verdict"]["accepted"] is False
    assert plan_of(history, outcome.request) == outcome.plan
    run_show(path)
    told = " ".join(capsys.readouterr().out.split())
    assert "not accepted: some of the prompt is not drawn" in told and "not drawn hat" in told
    assert re.search(r"asked (yes|no) a boat .* added (yes|no) in a harbour", told)


def test_a_picture_says_which_words_were_read_as_others(
    pipe: TextToImage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (outcome,) = pipe("a gren boat").outcomes
    path = tmp_path / "boat.png"
    path.write_bytes(picture_bytes(outcome, pipe.environment()))
    history: Any = read_history(path)
    assert history["plan"]["read_as"] == {"gren": "green"}
    assert plan_of(history, outcome.request) == outcome.plan
    run_show(path)
    assert "read 'gren' as 'green'" in " ".join(capsys.readouterr().out.split())
    (plain,) = pipe("a green boat").outcomes
    assert "read_as" not in history_of(plain, pipe.environment())["plan"]


def test_a_history_of_an_earlier_version_is_read_and_shown(
    pipe: TextToImage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _png(tmp_path / "a.png", diptych=OLDER.read_text(encoding="utf-8"))
    history: Any = read_history(path)
    plan = plan_of(history, pipe.request(history["request"]["prompt"]))
    assert plan.left_out == () and len(plan.facts) == 10 and plan.asked == plan.facts
    run_show(path)
    told = " ".join(capsys.readouterr().out.split())
    assert "facts yes a cat" in told and "accepted" in told
    assert "not drawn" not in told and "added" not in told


SPAN = {"start": 7, "end": 8, "text": "a"}  # behind the prompt's end


@pytest.mark.parametrize(
    "plan",
    [
        {"prompt": "a", "facts": [{"kind": "thing", "text": "a", "asked": "no"}]},
        {"prompt": "a", "facts": [{"kind": "thing", "text": "a", "asked": False, "span": {}}]},
        {"prompt": "a", "facts": [{"kind": "thing", "text": 7}]},
        {"prompt": "a", "facts": ["a"]},
        {"prompt": "a", "facts": [], "left_out": [{"start": -1, "end": 2, "text": "a"}]},
        {"prompt": "a", "facts": [], "left_out": 7},
        {"prompt": "a", "facts": [], "left_out": [{"start": 900, "end": 903, "text": "cat"}]},
        {"prompt": "a", "facts": [{"kind": "thing", "text": "a", "asked": True, "span": SPAN}]},
    ],
    ids=str,
)
def test_a_damaged_plan_is_refused(pipe: TextToImage, plan: dict[str, Any]) -> None:
    history: Any = {"plan": plan}
    with pytest.raises(InputError, match="the plan in its history is damaged"):
        plan_of(history, pipe.request("a"))


def test_a_file_has_no_time_and_no_row_in_it(outcome: Outcome, pipe: TextToImage) -> None:
    import dataclasses

    again = dataclasses.replace(
        outcome, request=dataclasses.replace(outcome.request, row=9), timings={"plan": 9.0}
    )
    assert picture_bytes(outcome, pipe.environment()) == picture_bytes(again, pipe.environment())


def test_other_tools_read_how_it_was_made(outcome: Outcome, pipe: TextToImage) -> None:
    with PIL.Image.open(io.BytesIO(picture_bytes(outcome, pipe.environment()))) as image:
        text = image.info["parameters"]
    assert text == (
        "ein grünes Boot 船\nNegative prompt: blurry, dark\n"
        "Steps: 3, CFG scale: 2.0, Seed: 7, Size: 48x32, Model: fake, Version: diptych 0.1.0"
    )
    (row,) = read_prompts(io.BytesIO(text.encode()), format="infotext")
    assert row.prompt == outcome.request.prompt and row.settings["seed"] == 7
    assert row.settings["num_inference_steps"] == 3 and row.settings["width"] == 48


def _png(path: Path, **chunks: str) -> Path:
    info = PIL.PngImagePlugin.PngInfo()
    for key, text in chunks.items():
        info.add_text(key, text)
    PIL.Image.new("RGB", (4, 4)).save(path, pnginfo=info)
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "damaged"),
        ("null", "damaged"),
        ("{}", "damaged"),
        ("[" * 100_000, "damaged"),
        ('{"format": 1, "id": 7}', "damaged"),
    ],
)
def test_a_damaged_history_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = _png(tmp_path / "a.png", diptych=text)
    with pytest.raises(InputError, match=message):
        read_history(path)
    assert picture_id(path) is None


def test_what_is_no_picture_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a boat")
    (tmp_path / "cut.png").write_bytes(_png(tmp_path / "b.png").read_bytes()[:20])
    for name, message in (
        ("b.png", "carries no history"),
        ("a.txt", "is no picture"),
        ("none.png", "no such file"),
        ("cut.png", "is no picture|cannot be read"),
    ):
        with pytest.raises(InputError, match=message):
            read_history(tmp_path / name)
        assert picture_id(tmp_path / name) is None
    with pytest.raises(InputError, match="cannot be read"):
        read_history(tmp_path)


def test_a_huge_picture_is_not_decoded_to_read_its_history(
    outcome: Outcome, pipe: TextToImage, tmp_path: Path
) -> None:
    """A few bytes may claim to be a picture of 30,000 by 30,000 pixels."""
    path = tmp_path / "bomb.png"
    data = bytearray(picture_bytes(outcome, pipe.environment()))
    data[16:24] = (30_000).to_bytes(4, "big") * 2
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"cannot be read|is no picture"):
        read_history(path)


def test_show_prints_it_for_readers_and_as_json(
    outcome: Outcome, pipe: TextToImage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "boat.png"
    path.write_bytes(picture_bytes(outcome, pipe.environment(), template="ein {grünes} Boot"))
    run_show(path)
    shown = capsys.readouterr().out
    for word in (
        "ein grünes Boot",
        "ein {grünes} Boot",
        "a red boat",
        "seed",
        "7",
        "torch",
        "micro-batches of 16",
    ):
        assert word in shown
    run_show(path, as_json=True)
    assert json.loads(capsys.readouterr().out) == read_history(path)


def test_show_prints_what_other_tools_wrote_and_nothing_that_a_terminal_obeys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_show(_png(tmp_path / "a.png", parameters="a boat \x1b[2J\nSteps: 20"))
    shown = capsys.readouterr().out
    assert "a boat" in shown and "num_inference_steps = 20" in shown and "\x1b[2J" not in shown


@pytest.mark.parametrize(
    ("part", "key", "value", "message"),
    [
        ("verdict", "facts", [7], "verdict.facts[0]: must be a table, is a whole number"),
        ("verdict", "facts", [{"text": None}], "verdict.facts[0].text: must be text, is null"),
        ("verdict", "score", "0.5", "verdict.score: must be a number, is text"),
        ("request", "template", 5, "request.template: must be text or null, is a whole number"),
        ("request", "seed", True, "request.seed: must be a whole number, is true or false"),
        ("plan", "left_out", [{"text": "hat"}], "plan.left_out[0]: start is missing"),
        ("origin", "micro_batch", None, "origin.micro_batch: must be a whole number, is null"),
    ],
)
def test_a_history_of_strange_values_is_refused_and_the_key_is_named(
    outcome: Outcome, pipe: TextToImage, tmp_path: Path, part: str, key: str, value: Any, message: str
) -> None:
    history: dict[str, Any] = json.loads(json.dumps(history_of(outcome, pipe.environment())))
    history[part][key] = value
    path = _png(tmp_path / "a.png", diptych=json.dumps(history))
    with pytest.raises(InputError) as caught:
        run_show(path)
    assert str(caught.value) == f"{path}: its history is damaged, or of another version of diptych: {message}"


def test_what_a_history_says_beside_is_kept(outcome: Outcome, pipe: TextToImage, tmp_path: Path) -> None:
    history: dict[str, Any] = json.loads(json.dumps(history_of(outcome, pipe.environment())))
    history["weather"] = "fine"
    assert read_history(_png(tmp_path / "a.png", diptych=json.dumps(history))) == history
