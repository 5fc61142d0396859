"""Figures of the models that read pictures, on fakes that are right or wrong in known ways."""

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from diptych import CheckpointError
from diptych.engine.models.patch_codebook import PatchCodebook
from diptych.engine.values import FactAnswer, Picture, Verdict
from diptych.pipelines.evaluation.captioner import evaluate_captioner, named_pairs, named_settings
from diptych.pipelines.evaluation.drafter import bits_a_token
from diptych.pipelines.evaluation.figures import Mean, Share
from diptych.pipelines.evaluation.inspector import Inspector, evaluate_inspector, pairs_of
from diptych.pipelines.evaluation.tokenizer import entropy_bits, evaluate_tokenizer, psnr
from diptych.pipelines.pocket.world import SETTINGS, caption_of, facts_of, prompt_of, sample_scene
from diptych.pipelines.training.data import DRAFT_SIDE, WorldData, scene_of
from diptych.pipelines.training.inspector import GROUPS, what_is_there


def knowing(pictures: Sequence[Picture]) -> list[Verdict]:
    """A captioner that knows the prompt, and answers yes to what the prompt's scene holds."""
    verdicts = []
    for picture in pictures:
        assert picture.plan is not None
        truths = set(picture.plan.facts[: len(picture.plan.facts) // 2])
        answers = [FactAnswer(fact=f, probability=float(f in truths)) for f in picture.plan.facts]
        verdicts.append(Verdict(caption=picture.plan.prompt, score=1.0, answers=tuple(answers)))
    return verdicts


def saying_yes(pictures: Sequence[Picture]) -> list[Verdict]:
    return [
        Verdict(
            caption="a red boat, at sunset",
            score=1.0,
            answers=tuple(FactAnswer(fact=f, probability=0.9) for f in (p.plan.facts if p.plan else ())),
        )
        for p in pictures
    ]


def test_a_captioner_that_knows_all_is_right_in_all() -> None:
    figures = evaluate_captioner(knowing, count=20)
    assert {figure.value for figure in figures.values()} == {1.0}
    kinds = {f"facts, {kind}" for i in range(20) for kind, _ in facts_of(scene_of("held-out", i))}
    assert kinds < set(figures) and "all facts" in figures


def test_one_that_says_yes_to_everything_is_right_half_the_time() -> None:
    figures = evaluate_captioner(saying_yes, count=20)
    shares = {name: f.value for name, f in figures.items() if name.startswith("facts, ")}
    assert shares and set(shares.values()) == {0.5}
    assert figures["all facts"] == Share(0, 20)


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("a small red boat on the left, at sunset", {("boat", "red")}),
        ("a red boat and a crimson kitten", {("boat", "red"), ("cat", "red")}),
        ("a cat and a blue car", {("cat", ""), ("car", "blue")}),
        ("a mug that is big and green", {("cup", "green")}),
        ("a little toadstool in white, in the snow", {("mushroom", "white")}),
        ("a cat that is black and a jet-black bird", {("cat", "black"), ("bird", "black")}),
        ("a yellow hot-air balloon", {("balloon", "yellow")}),
        ("Orange cat, big, left", {("cat", "orange")}),
        ("nothing much", set()),
    ],
)
def test_a_caption_is_parsed_into_things_and_colours(caption: str, expected: set[tuple[str, str]]) -> None:
    assert named_pairs(caption) == expected


def test_whatever_the_world_says_of_a_scene_is_understood() -> None:
    import random

    for i in range(300):
        scene = scene_of("train", i)
        assert named_pairs(prompt_of(scene)) == pairs_of(scene)
        assert named_settings(prompt_of(scene)) == {scene.setting}
        named = named_pairs(caption_of(scene, random.Random(i)))
        truth = dict(pairs_of(scene))
        assert all(colour in ("", truth[kind]) for kind, colour in named)


def test_a_codebook_of_everything_loses_nothing_and_one_of_nothing_much() -> None:
    pixels = WorldData("held-out").take(range(4), DRAFT_SIDE).pixels
    book = PatchCodebook(torch.zeros(1, 48), patch=4, grid=(12, 12), name="none")
    exact = PatchCodebook(book.patches(pixels).flatten(0, 2), patch=4, grid=(12, 12), name="all")
    found, lost = (evaluate_tokenizer(each, count=4, batch_size=3)["reconstruction"] for each in (exact, book))
    assert isinstance(found, Mean) and isinstance(lost, Mean)
    assert found.value > 60 and lost.value < 10 and found.of == 4


def test_decibels_and_bits_are_what_they_are() -> None:
    assert psnr(0.01) == pytest.approx(20) and psnr(0.0) == 100
    assert entropy_bits(torch.tensor([5, 5, 0, 5, 5])) == pytest.approx(2)


def test_a_drafter_that_knows_nothing_needs_the_bits_of_the_codebook() -> None:
    def model(*, input_ids: torch.Tensor, logits_to_keep: int, **_: Any) -> Any:
        assert input_ids.shape[1] == 5 + 1 + logits_to_keep - 1
        return SimpleNamespace(logits=torch.zeros(len(input_ids), logits_to_keep, 10 + 16))

    words = SimpleNamespace(bos_token_id=0, eos_token_id=1, pad_token_id=2, encode=lambda text, **_: [3])
    drafter = SimpleNamespace(
        model=model, tokenizer=words, text_length=5, start=4, legal=slice(10, 26), device="cpu"
    )
    bits = bits_a_token(drafter, ["a", "b"], torch.zeros(2, 9, dtype=torch.int64))
    assert bits == pytest.approx([math.log2(16)] * 2)


def knowing_model(scenes: list[Any]) -> Any:
    """Sees, one after the other, what is in `scenes`."""
    rest = list(scenes)

    def model(*, pixel_values: torch.Tensor) -> Any:
        here = [rest.pop(0) for _ in range(len(pixel_values))]
        setting = torch.eye(GROUPS[3])
        rows = [torch.cat([what_is_there(s), setting[SETTINGS.index(s.setting)]]) * 8 - 4 for s in here]
        return SimpleNamespace(logits=torch.stack(rows))

    return model


def test_the_inspector_names_what_its_outputs_speak_of() -> None:
    import random

    scenes = [sample_scene(random.Random(i), 0.5) for i in range(6)]
    inspector = Inspector(knowing_model(scenes), batch_size=4)
    seen = inspector.look(torch.zeros(6, 16, 16, 3, dtype=torch.uint8))
    assert [(s.pairs, s.setting) for s in seen] == [(pairs_of(scene), scene.setting) for scene in scenes]
    assert seen[0].kinds == {thing.kind for thing in scenes[0].things}


def test_the_inspectors_own_error_is_counted() -> None:
    scenes = [scene_of("held-out", i) for i in range(12)]
    right = evaluate_inspector(Inspector(knowing_model(scenes)), count=12)
    assert {share.value for share in right.values()} == {1.0}
    assert right["one thing"].of + right["two things"].of == right["setting"].of == 12
    wrong = evaluate_inspector(Inspector(knowing_model(scenes[1:] + scenes[:1])), count=12)
    assert wrong["one thing"].count < wrong["one thing"].of


def test_an_inspector_that_is_not_there_is_missed_in_one_line(tmp_path: Any) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint") as caught:
        Inspector.from_checkpoint(tmp_path / "none")
    assert "\n" not in str(caught.value)
