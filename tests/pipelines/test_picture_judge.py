"""Captions and scores of pictures from outside, and the files they come in."""

from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from diptych import Fact, InputError, PictureJudge
from diptych.engine.memory import DeviceMemory
from diptych.pipelines import picture_judge
from diptych.pipelines.picture_judge import open_picture


@pytest.fixture
def judge(judge_stage: Any, fake_memory: DeviceMemory) -> PictureJudge:
    return PictureJudge(judge_stage, fake_memory)


def test_a_picture_is_captioned_and_scored(judge: PictureJudge) -> None:
    grey = PIL.Image.new("L", (20, 10), 51)
    assert judge.caption(grey) == "a picture of grey 51"
    verdict = judge.score(grey, "something grey", facts=(Fact(kind="thing", text="grey"),))
    assert verdict.score == pytest.approx(0.2)
    assert [answer.fact.text for answer in verdict.answers] == ["grey"]
    assert judge.memory.leased == frozenset()


def test_an_empty_prompt_is_refused(judge: PictureJudge) -> None:
    with pytest.raises(InputError, match="empty"):
        judge.score(PIL.Image.new("RGB", (8, 8)), " ")


def test_transparency_is_put_on_white(tmp_path: Path) -> None:
    PIL.Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "a.png")
    image = open_picture(tmp_path / "a.png")
    assert image.mode == "RGB" and image.getpixel((0, 0)) == (255, 255, 255)


def test_what_is_no_sound_picture_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    PIL.Image.effect_noise((64, 64), 50).save(tmp_path / "whole.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "whole.png").read_bytes()[:900])
    cases = {"none.png": "no such file", "text.png": "is no picture", "half.png": "cannot be read"}
    for name, message in cases.items():
        with pytest.raises(InputError, match=message) as caught:
            open_picture(tmp_path / name)
        assert "\n" not in str(caught.value)
    monkeypatch.setattr(picture_judge, "MAX_SIDE", 63)
    with pytest.raises(InputError, match="64 x 64 pixels"):
        open_picture(tmp_path / "whole.png")
