"""judge, by what is found: what was shown a memory's pictures knows them again, whatever was planned."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from diptych.engine.memory import DeviceMemory
from diptych.engine.models.registry import Registry
from diptych.engine.models.vision.picture_memory import Remembered, write_memory
from diptych.engine.stage import ModelKey, RunContext
from diptych.engine.stages.judging.finding_judge import FindingJudgeStage
from diptych.engine.stages.judging.judge import JudgeStage
from diptych.engine.values import Fact, Picture, Plan, Request, Verdict
from diptych.pipelines.pocket.art.things import known_kinds
from diptych.pipelines.pocket.art.vocabulary import vocabulary_table
from diptych.pipelines.pocket.art.words import style_words
from diptych.pipelines.training.memory_judge import write_judge

from ..test_workspace import watched

ICON = style_words("icon")[0]
CAPTIONER = ModelKey("image-text-to-text", "pocket/captioner")


def drawing(kind: str) -> Image.Image:
    """Of a kind, on nothing."""
    picture = Image.new("RGBA", (112, 112))
    pen = ImageDraw.Draw(picture)
    match kind:
        case "traffic light":
            pen.rounded_rectangle((36, 0, 76, 111), 8, fill=(50, 50, 56, 255))
            for top, colour in ((8, (220, 40, 40)), (42, (250, 190, 40)), (76, (40, 170, 70))):
                pen.ellipse((44, top, 68, top + 24), fill=(*colour, 255))
        case "doughnut":
            pen.ellipse((0, 0, 111, 111), fill=(230, 120, 170, 255))
            pen.ellipse((38, 38, 74, 74), fill=(0, 0, 0, 0))
        case _:
            pen.polygon((56, 0, 111, 60, 56, 111, 0, 60), fill=(40, 150, 90, 255))
            pen.line((56, 0, 56, 111), fill=(20, 80, 50, 255), width=8)
    return picture


KINDS = ("traffic light", "doughnut", "kite")


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> ModelKey:
    folder = tmp_path_factory.mktemp("made")
    pictures = []
    for kind in KINDS:
        file = io.BytesIO()
        drawing(kind).save(file, "PNG")
        pictures.append((Remembered(kind=kind, style=ICON), file.getvalue()))
    kinds = {name: known_kinds()[name] for name in (*KINDS, "house")}
    meanings = vocabulary_table(kinds, ("icon",)) | {"plain_style": ICON}
    write_memory(folder / "memory", pictures, meanings=meanings, by_heart=["house"])
    (folder / "judge").mkdir()
    write_judge(folder / "judge", folder / "memory", say=lambda line: None)
    return ModelKey("thing-finder", str(folder / "judge"))


def pixels(*things: tuple[str, int, int]) -> torch.Tensor:
    """Kinds at (left, top), on sky and grass."""
    picture = Image.new("RGB", (256, 256), (150, 200, 240))
    ImageDraw.Draw(picture).rectangle((0, 150, 256, 256), fill=(120, 180, 90))
    for kind, left, top in things:
        picture.paste(drawing(kind), (left, top), drawing(kind))
    return torch.from_numpy(np.asarray(picture).copy())


def picture(seen: torch.Tensor, prompt: str, *facts: tuple[str, str]) -> Picture:
    told = tuple(Fact(kind=kind, text=text) for kind, text in facts)  # type: ignore[arg-type]
    return Picture(pixels=seen, plan=Plan(request=Request(prompt=prompt), prompt=prompt, facts=told))


def verdicts(stage: FindingJudgeStage | JudgeStage, *pictures: Picture) -> list[Verdict]:
    with DeviceMemory(Registry()).lease(stage.uses, 0) as models:
        return stage.run(pictures, models, RunContext())


TWO = pixels(("doughnut", 0, 110), ("kite", 140, 110))


def test_it_says_what_it_sees_and_answers_what_is_asked(judge: ModelKey) -> None:
    right = picture(
        TWO, "a doughnut and a kite", ("thing", "a doughnut"), ("thing", "a kite"), ("count", "two things")
    )
    wrong = picture(TWO, "a traffic light", ("thing", "a traffic light"))
    place = picture(TWO, "a doughnut on the right", ("place", "a doughnut on the right"))
    found = verdicts(FindingJudgeStage(model=judge), right, wrong, place)
    assert "doughnut on the left and a" in found[0].caption and "kite on the right" in found[0].caption
    assert all(answer.shown for answer in found[0].answers) and found[0].score > 0.5
    assert not found[1].answers[0].shown and found[1].score < 0.2
    assert not found[2].answers[0].shown
    assert found[0].caption == found[1].caption == found[2].caption  # whatever was planned


def test_a_picture_without_a_plan_is_scored_by_its_own_caption(judge: ModelKey) -> None:
    (found,) = verdicts(FindingJudgeStage(model=judge), Picture(pixels=TWO))
    assert "kite" in found.caption and found.answers == () and found.fit is None
    assert found.score > 0.5


def test_where_nothing_was_asked_the_whole_wording_is(judge: ModelKey) -> None:
    told = (Fact(kind="thing", text="a doughnut", asked=False),)
    words = ("a doughnut on the left and a kite on the right", "a traffic light in the middle")
    plans = [Plan(request=Request(prompt=text), prompt=text, facts=told) for text in words]
    right, wrong = verdicts(FindingJudgeStage(model=judge), *(Picture(pixels=TWO, plan=plan) for plan in plans))
    assert len(right.answers) == 1 and right.score > wrong.score


def test_the_captioner_judges_what_is_drawn_by_heart_and_it_alone(judge: ModelKey) -> None:
    heart = picture(TWO, "a red house in the middle, in watercolour", ("thing", "a house"))
    shown = picture(TWO, "a doughnut in the middle", ("thing", "a doughnut"))
    both = FindingJudgeStage(model=judge, captioner=CAPTIONER)
    assert both.uses == (judge, CAPTIONER)
    by_heart, by_finding = verdicts(both, heart, shown)
    assert by_heart == verdicts(JudgeStage(model=CAPTIONER), heart)[0]
    assert by_finding == verdicts(FindingJudgeStage(model=judge), shown)[0]


def test_a_row_is_the_same_alone_and_in_a_batch(judge: ModelKey) -> None:
    pictures = [
        picture(pixels((kind, 60, 60)), f"a {kind}", ("thing", f"a {kind}"), ("setting", "in a meadow"))
        for kind in KINDS
    ]
    stage = FindingJudgeStage(model=judge)
    assert verdicts(stage, *pictures) == [verdicts(stage, each)[0] for each in pictures]


@pytest.mark.parametrize(("height", "width"), [(256, 256), (256, 1024), (64, 64), (1500, 1500)])
def test_what_it_declares_is_what_it_takes(judge: ModelKey, height: int, width: int) -> None:
    stage = FindingJudgeStage(model=judge)
    seen = torch.zeros(height, width, 3, dtype=torch.uint8)
    batch = [picture(seen, "a doughnut", ("thing", "a doughnut"))] * 2
    with DeviceMemory(Registry()).lease(stage.uses, 0) as models:
        stage.run(batch, models, RunContext())
        _, taken = watched(stage, batch, models)
    assert taken <= stage.workspace(batch) <= 4 * taken


def test_a_finder_that_was_shown_nothing_says_so(tmp_path: Path) -> None:
    from diptych.engine.errors import CheckpointError

    stage = FindingJudgeStage(model=ModelKey("thing-finder", "pocket/thing_finder"))
    with pytest.raises(
        CheckpointError, match="knows no things: name the judge's folder of diptych train memory"
    ):
        verdicts(stage, picture(TWO, "a doughnut", ("thing", "a doughnut")))
