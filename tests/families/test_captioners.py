"""Captioners and chat models of several architectures: likelihoods against sums by hand, answers, captions."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych.engine.errors import CheckpointError
from diptych.engine.models.registry import Registry
from diptych.engine.models.vision.picture_reader import ASK, DESCRIBE, CaptionReader, ChatReader, PictureReader
from diptych.engine.stage import ModelKey, RunContext
from diptych.engine.stages.judging.judge import JudgeStage
from diptych.engine.values import Fact, Picture, Plan, Request, Verdict

from .captioner_twins import CAPTIONERS, blip, qwen2_5_vl
from .planner_twins import smollm

TEXTS = ["a red boat at sunset", "two blue birds above a house", "snow"]
SIDES = [(48, 48), (40, 96), (80, 56)]
CHATS = ("smolvlm", "qwen2_5_vl", "qwen3_vl")

Twin = Callable[[Callable[[Path], None]], Path]
Load = Callable[[str], PictureReader]


@pytest.fixture(scope="module")
def load(twin: Twin) -> Load:
    loaded: dict[str, PictureReader] = {}

    def load(name: str) -> PictureReader:
        if name not in loaded:
            key = ModelKey("image-text-to-text", str(twin(CAPTIONERS[name])))
            loaded[name] = Registry().load(key, "cpu")
        return loaded[name]

    return load


def pictures() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(0, 256, (*side, 3), generator=generator, dtype=torch.uint8) for side in SIDES]


def surprise(logits: torch.Tensor, ids: Sequence[int]) -> float:
    """Mean -log p of `ids`, from the logits (t, v) in their places."""
    p = logits.double().softmax(-1)
    return -sum(float(p[at, token].log()) for at, token in enumerate(ids)) / len(ids)


def by_hand(reader: PictureReader, name: str, picture: torch.Tensor, text: str) -> float:
    """The likelihood of a text, all of it read in one go, by the library alone."""
    processor, model, tokenizer = reader.processor, reader.model, reader.tokenizer
    image = [picture.numpy()]
    words = tokenizer.encode(text, add_special_tokens=False)
    if name == "blip":
        values = processor.image_processor(images=image, return_tensors="pt")["pixel_values"]
        ids = [*words, tokenizer.sep_token_id]
        begin = model.config.text_config.bos_token_id
        return surprise(model(values, torch.tensor([[begin, *ids[:-1]]])).logits[0], ids)
    if name == "florence2":
        inputs = processor(images=image, text=["<CAPTION>"], return_tensors="pt")
        ids = [*words, 2]
        output = model(**inputs, decoder_input_ids=torch.tensor([[2, 0, *ids[:-1]]]))
        return surprise(output.logits[0, 1:], ids)
    if name == "blip2":
        inputs = processor(images=image, text=[""], return_tensors="pt")
        ids = [*words, tokenizer.convert_tokens_to_ids("\u010a")]
    else:
        assert isinstance(reader, ChatReader)
        inputs = processor(
            images=image, text=[reader.written(DESCRIBE)], add_special_tokens=False, return_tensors="pt"
        )
        words = tokenizer.encode(f" {text}" if name == "smolvlm" else text, add_special_tokens=False)
        ids = [*words, tokenizer.eos_token_id]
    more = torch.tensor([ids[:-1]])
    begun = inputs["input_ids"].shape[1]
    together = dict(inputs)
    together["input_ids"] = torch.cat([inputs["input_ids"], more], 1)
    together["attention_mask"] = torch.ones_like(together["input_ids"])
    if "mm_token_type_ids" in together:
        together["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(more)], 1)
    return surprise(model(**together, use_cache=False).logits[0, begun - 1 :], ids)


@pytest.mark.parametrize("name", CAPTIONERS)
def test_likelihoods_are_those_computed_by_hand(load: Load, name: str) -> None:
    reader = load(name)
    for picture in pictures():
        got = reader.negative_log_likelihood(picture, TEXTS)
        with torch.no_grad():
            assert got == pytest.approx([by_hand(reader, name, picture, text) for text in TEXTS], abs=1e-5)
    one, other = (reader.negative_log_likelihood(picture, TEXTS) for picture in pictures()[:2])
    assert one != other, "what is said depends on what is seen"


@pytest.mark.parametrize("name", CHATS)
def test_yes_is_the_share_of_yes_in_the_first_token_of_the_answer(load: Load, name: str) -> None:
    reader = load(name)
    assert isinstance(reader, ChatReader) and reader.chats
    (picture, *_) = pictures()
    for text, got in zip(TEXTS, reader.yes(picture, TEXTS), strict=True):
        inputs = reader.inputs(picture, ASK.format(text=text))
        assert f'"{text}"' in reader.tokenizer.decode(inputs["input_ids"][0])
        with torch.no_grad():
            p = reader.model(**inputs, use_cache=False).logits[0, -1].double().softmax(-1)
        yes, no = (
            {reader.text_ids(spelt)[0] for spelt in (word, word.title(), f" {word}", f" {word.title()}")}
            for word in ("yes", "no")
        )
        share = float(p[list(yes - no)].sum() / p[list(yes ^ no)].sum())
        assert got == pytest.approx(share, abs=1e-5) and 0 < got < 1


@pytest.mark.parametrize("name", CAPTIONERS)
def test_a_caption_is_what_the_library_generates(load: Load, name: str) -> None:
    reader = load(name)
    (picture, *_) = pictures()
    caption = reader.caption(picture, max_tokens=12)
    assert caption == reader.caption(picture, max_tokens=12)
    if isinstance(reader, CaptionReader) and name != "blip":
        inputs = reader.processor(images=[picture.numpy()], text=[reader.prompt], return_tensors="pt")
        ids = reader.model.generate(**inputs, max_new_tokens=12, do_sample=False, num_beams=1)[0]
        assert reader.tokenizer.decode(ids, skip_special_tokens=True).strip().endswith(caption)


def verdicts(twin: Twin, name: str, shown: Sequence[Picture]) -> list[Verdict]:
    key = ModelKey("image-text-to-text", str(twin(CAPTIONERS[name])))
    stage = JudgeStage(model=key)
    assert stage.workspace(shown) > 0
    return stage.run(shown, {key: Registry().load(key, "cpu")}, RunContext())


def planned(pixels: torch.Tensor, prompt: str) -> Picture:
    facts = tuple(Fact(kind="thing", text=text) for text in ("a boat", "a house in the snow"))
    return Picture(pixels=pixels, plan=Plan(request=Request(prompt=prompt), prompt=prompt, facts=facts))


@pytest.mark.parametrize("name", CAPTIONERS)
def test_a_verdict_has_a_score_and_an_answer_for_each_fact_and_no_neighbours(twin: Twin, name: str) -> None:
    shown = [planned(pixels, text) for pixels, text in zip(pictures(), TEXTS, strict=True)]
    shown.append(Picture(pixels=shown[0].pixels))  # from outside: its own caption is scored
    together = verdicts(twin, name, shown)
    for verdict, picture in zip(together, shown, strict=True):
        assert 0 <= verdict.score <= 1
        assert [each.fact for each in verdict.answers] == list(picture.plan.facts if picture.plan else ())
    assert len({verdict.score for verdict in together}) > 1
    assert verdicts(twin, name, shown[1:2]) == together[1:2]


def test_a_preview_is_judged_but_not_captioned(twin: Twin) -> None:
    picture = planned(next(iter(pictures())), TEXTS[0])
    read, unread = verdicts(twin, "blip", [picture, dataclasses.replace(picture, is_preview=True)])
    assert read.caption and not unread.caption
    assert dataclasses.replace(read, caption="") == unread


def test_a_text_that_the_picture_makes_likelier_scores_above_one_half(load: Load, twin: Twin) -> None:
    from diptych.engine.models.vision.picture_reader import grey
    from diptych.engine.stages.judging.generic_judge import probabilities

    reader = load("blip")
    (pixels, *_) = pictures()
    picture = Picture(pixels=pixels)
    gains = [
        b - a
        for a, b in zip(
            reader.negative_log_likelihood(pixels, TEXTS),
            reader.negative_log_likelihood(grey(pixels), TEXTS),
            strict=True,
        )
    ]
    for gain, p, sharp in zip(
        gains,
        probabilities(reader, picture, TEXTS),
        probabilities(reader, picture, TEXTS, sharpness=4),
        strict=True,
    ):
        assert p == pytest.approx(1 / (1 + 2.718281828459045**-gain)) and (p > 0.5) == (gain > 0)
        assert abs(sharp - 0.5) >= abs(p - 0.5)


def test_a_model_that_reads_no_pictures_is_refused(twin: Twin) -> None:
    key = ModelKey("image-text-to-text", str(twin(smollm)))
    with pytest.raises(CheckpointError, match="a llama reads no pictures: name another captioner"):
        Registry().load(key, "cpu")


def test_the_workspace_does_not_grow_with_the_batch_but_with_the_picture(twin: Twin) -> None:
    def workspace(make: Any, side: int, count: int) -> int:
        pixels = torch.zeros(side, side, 3, dtype=torch.uint8)
        stage = JudgeStage(model=ModelKey("image-text-to-text", str(twin(make))))
        return stage.workspace([Picture(pixels=pixels)] * count)

    assert workspace(blip, 64, 1) == workspace(blip, 64, 5) == workspace(blip, 512, 1)
    assert workspace(qwen2_5_vl, 28, 1) < workspace(qwen2_5_vl, 112, 1) == workspace(qwen2_5_vl, 112, 3)
