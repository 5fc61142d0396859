"""The captioner's likelihoods and answers, over a tiny random model, against sums done by hand."""

import dataclasses
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.errors import CheckpointError
from diptych.engine.memory import DeviceMemory
from diptych.engine.models.checkpoint.folder import folder_of
from diptych.engine.models.registry import Registry
from diptych.engine.models.vision.calibration import Calibration, FactFit, read_calibration
from diptych.engine.models.vision.captioner import Captioner, load_any_captioner, load_captioner
from diptych.engine.stage import ModelKey
from diptych.engine.values import Fact

TEXTS = ["a boat", "a big red boat on the left and a small tree on the right, at sunset", "", "two"]
SIDE = 32


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A random model of the pocket captioner's kind, and the folder where it lies with its tokenizer."""
    from transformers import (
        AutoTokenizer,
        BertConfig,
        BlipImageProcessorPil,
        ResNetConfig,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
    )

    tokenizer = AutoTokenizer.from_pretrained(folder_of("pocket/captioner"), local_files_only=True)
    text = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=40,
        type_vocab_size=2,
        initializer_range=0.3,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        is_decoder=True,
        add_cross_attention=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    wide: dict[str, Any] = {"hidden_size": 24}
    vision = ResNetConfig(embedding_size=8, hidden_sizes=[8, 24], depths=[1, 1], layer_type="basic", **wide)
    torch.manual_seed(0)
    model = VisionEncoderDecoderModel(VisionEncoderDecoderConfig.from_encoder_decoder_configs(vision, text))
    for name, value in model.named_buffers():
        if "running" in name:
            value += 0.3 * torch.rand_like(value)
    folder = tmp_path_factory.mktemp("captioner")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    BlipImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return model.eval(), folder


@pytest.fixture(scope="module")
def captioner(made: tuple[Any, Path]) -> Captioner:
    """It, loaded as any checkpoint is."""
    return load_captioner(made[1], torch.float32, torch.device("cpu"))


def pictures(count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    sides = [(48, 48), (SIDE, SIDE), (20, 70), (256, 256), (48, 48)]
    return [torch.randint(0, 256, (*sides[i], 3), generator=generator, dtype=torch.uint8) for i in range(count)]


def look(captioner: Captioner, shown: list[torch.Tensor]) -> torch.Tensor:
    """What the image encoder sees, (b, s, d), by the library alone."""
    images = [picture.numpy() for picture in shown]
    values = captioner.processor(images=images, input_data_format="channels_last", return_tensors="pt")
    model: Any = captioner.model
    seen = model.encoder(pixel_values=values["pixel_values"]).last_hidden_state
    return torch.stack([row.reshape(row.shape[0], -1).T for row in seen])


def log_probabilities(captioner: Captioner, ids: list[int], seen: torch.Tensor) -> torch.Tensor:
    """(t, v): of the token after each of `ids`, read alone, by the library alone."""
    model: Any = captioner.model
    output = model.decoder(input_ids=torch.tensor([ids]), encoder_hidden_states=seen, use_cache=False)
    return output.logits[0].detach().double().log_softmax(-1)


def ids_of(captioner: Captioner, text: str) -> list[int]:
    return captioner.tokenizer.encode(text, add_special_tokens=False)


def test_what_was_saved_is_loaded_time_and_again(made: tuple[Any, Path]) -> None:
    """Its running statistics too, which are no parameters: from the file, and after having been evicted."""
    model, folder = made
    key, other = ModelKey("image-text-to-text", str(folder)), ModelKey("image-tokenizer", "pocket/tokenizer")
    registry = Registry()
    sizes = [registry.weight_bytes(each) for each in (key, other)]
    memory = DeviceMemory(registry, budget_bytes=max(sizes))
    wanted = model.state_dict()
    for _ in range(2):
        with memory.lease([key]) as models:
            found = models[key].model.state_dict()
            assert found.keys() == wanted.keys()
            assert all(torch.equal(value, wanted[name]) for name, value in found.items())
        with memory.lease([other]):
            pass


def test_captioners_of_an_earlier_version_are_refused(made: tuple[Any, Path], tmp_path: Path) -> None:
    shutil.copytree(made[1], tmp_path / "old")
    config = json.loads((tmp_path / "old" / "config.json").read_text())
    (tmp_path / "old" / "config.json").write_text(json.dumps(config | {"model_type": "blip"}))
    with pytest.raises(CheckpointError, match="an earlier version of diptych: train it again"):
        load_any_captioner(tmp_path / "old", torch.float32, torch.device("cpu"))


def test_nats_are_the_mean_surprise_at_the_text_and_its_end(captioner: Captioner) -> None:
    shown = pictures(len(TEXTS))
    got, seen = captioner.negative_log_likelihood(captioner.look(shown), TEXTS), look(captioner, shown)
    for i, text in enumerate(TEXTS):
        ids = ids_of(captioner, f"<s><caption>{text}</s>")
        surprise = log_probabilities(captioner, ids, seen[i : i + 1])
        by_hand = [-float(surprise[at - 1, ids[at]]) for at in range(2, len(ids))]
        assert float(got[i]) == pytest.approx(sum(by_hand) / len(by_hand), abs=1e-5)


def test_nats_are_the_models_own_loss(captioner: Captioner) -> None:
    (picture,) = pictures(1)
    for text in TEXTS[:2]:
        ids = torch.tensor([ids_of(captioner, f"<s><caption>{text}</s>")])
        labels = ids.clone()
        labels[0, :2] = -100
        model: Any = captioner.model
        decoded = model.decoder(input_ids=ids, encoder_hidden_states=look(captioner, [picture]), labels=labels)
        assert float(captioner.negative_log_likelihood(captioner.look([picture]), [text])) == pytest.approx(
            float(decoded.loss), abs=1e-5
        )


def test_yes_is_its_share_of_yes_and_no(captioner: Captioner) -> None:
    facts = ["a red boat", "a boat in the middle of the picture, at night", "x"]
    shown = pictures(len(facts))
    got, seen = captioner.yes(captioner.look(shown), [[fact] for fact in facts]), look(captioner, shown)
    yes, no = (ids_of(captioner, f"<answer> {word}")[-1] for word in ("yes", "no"))
    for i, fact in enumerate(facts):
        ids = ids_of(captioner, f"<s><ask>{fact}<answer>")
        last = log_probabilities(captioner, ids, seen[i : i + 1])[-1].exp()
        assert got[i] == [pytest.approx(float(last[yes] / (last[yes] + last[no])), abs=1e-5)]


@pytest.mark.parametrize("batch_invariant", [True, False])
def test_a_caption_is_the_likeliest_word_by_word(captioner: Captioner, batch_invariant: bool) -> None:
    shown = pictures(3)
    captions = captioner.captions(captioner.look(shown), max_tokens=9, batch_invariant=batch_invariant)
    seen = look(captioner, shown)
    for i, caption in enumerate(captions):
        ids = list(captioner.caption_start)
        for _ in range(9):
            token = int(log_probabilities(captioner, ids, seen[i : i + 1])[-1].argmax())
            if token == captioner.tokenizer.eos_token_id:
                break
            ids.append(token)
        assert caption == str(captioner.tokenizer.decode(ids[2:])).strip()


def test_a_row_is_the_same_alone_and_in_a_batch(captioner: Captioner) -> None:
    shown = pictures(5)
    texts = [*TEXTS, "a cat"]
    facts = [texts[: i + 1] for i in range(5)]
    seen = captioner.look(shown)
    nats, yes, captions = (
        captioner.negative_log_likelihood(seen, texts),
        captioner.yes(seen, facts),
        captioner.captions(seen),
    )
    for i in range(5):
        alone = captioner.look([shown[i]])
        torch.testing.assert_close(captioner.negative_log_likelihood(alone, [texts[i]])[0], nats[i])
        torch.testing.assert_close(
            captioner.negative_log_likelihood(alone, [texts[i]], batch_invariant=True)[0], nats[i]
        )
        assert captioner.yes(alone, [facts[i]]) == [pytest.approx(yes[i], abs=1e-6)]
        assert captioner.captions(alone) == [captions[i]]


def test_many_texts_may_be_about_one_picture(captioner: Captioner) -> None:
    seen = captioner.look(pictures(3))
    for picture in ([1], [2]):
        one = seen.of(picture)
        each = [captioner.negative_log_likelihood(one, [text])[0] for text in TEXTS]
        torch.testing.assert_close(captioner.negative_log_likelihood(one, TEXTS), torch.stack(each))
    each = [
        captioner.negative_log_likelihood(seen.of([i]), [text])[0]
        for i, text in zip([2, 0], TEXTS, strict=False)
    ]
    torch.testing.assert_close(captioner.negative_log_likelihood(seen.of([2, 0]), TEXTS[:2]), torch.stack(each))


def test_no_picture_is_one_without_values(captioner: Captioner) -> None:
    grey = captioner.encode(torch.zeros(1, 3, SIDE, SIDE))
    for blank, expected in zip(captioner.blank.layers, grey.layers, strict=True):
        torch.testing.assert_close(blank, expected)
    assert not torch.allclose(captioner.blank.layers[0][0], captioner.look(pictures(1)).layers[0][0])


@settings(max_examples=25, deadline=None)
@given(text=st.text(max_size=300))
def test_any_text_has_finite_nats_and_an_answer(captioner: Captioner, text: str) -> None:
    """However long: what is beyond the model's positions is cut off."""
    seen = captioner.blank
    assert float(captioner.negative_log_likelihood(seen, [text])) > 0
    assert 0 <= captioner.yes(seen, [[text]])[0][0] <= 1


def test_a_long_text_is_cut_to_what_the_model_reads(captioner: Captioner) -> None:
    assert captioner.text_length == 40
    long = "a boat " * 60
    ids = [*ids_of(captioner, f"<s><caption>{long}")[:39], captioner.tokenizer.eos_token_id]
    surprise = log_probabilities(captioner, ids, look(captioner, pictures(1)))
    by_hand = [-float(surprise[at - 1, ids[at]]) for at in range(2, 40)]
    assert float(captioner.negative_log_likelihood(captioner.look(pictures(1)), [long])) == pytest.approx(
        sum(by_hand) / 38, abs=1e-5
    )


def test_a_calibration_is_read_or_the_plain_one_taken(tmp_path: Path) -> None:
    assert read_calibration(tmp_path) == Calibration()
    (tmp_path / "calibration.json").write_text(json.dumps({"worst": 0.5, "together": 2, "bias": -1}))
    assert read_calibration(tmp_path) == Calibration(worst=0.5, together=2, bias=-1)
    earlier = {"alpha": 0.5, "weight": 2, "bias": -1, "worst": 3, "facts": {"count": {"yes": 2}}}
    (tmp_path / "calibration.json").write_text(json.dumps(earlier))
    assert read_calibration(tmp_path) == Calibration(facts={"count": FactFit(yes=2)})
    told = {"worst": 0.3, "facts": {"colour": {"yes": 1, "said": 0.5, "bias": 2}}}
    (tmp_path / "calibration.json").write_text(json.dumps(told))
    read = read_calibration(tmp_path)
    assert read == Calibration(worst=0.3, facts={"colour": FactFit(yes=1, said=0.5, bias=2)})
    assert read.of("style") == FactFit()


def test_a_fact_is_the_likelier_the_likelier_it_would_have_been_said(captioner: Captioner) -> None:
    facts = [Fact(kind="thing", text="a red boat"), Fact(kind="colour", text="a boat at night")]
    features, seen = captioner.look(pictures(1)), look(captioner, pictures(1))
    fits = {"thing": FactFit(yes=0.0, said=0.7, bias=5.0)}
    fitted = dataclasses.replace(captioner, calibration=Calibration(facts=fits))
    ((thing, colour),) = fitted.shows(features, [facts])
    ids = ids_of(captioner, "<s><ask>a red boat<answer>")
    surprise = log_probabilities(captioner, ids, seen)
    said = -sum(float(surprise[at - 1, ids[at]]) for at in range(2, len(ids) - 1))
    assert thing == pytest.approx(1 / (1 + math.exp(0.7 * said - 5.0)), abs=1e-5)
    assert [[colour]] == [[pytest.approx(p, abs=1e-6)] for p in captioner.yes(features, [[facts[1].text]])[0]]


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"facts": [1]}', '{"alpha": "much"}', '{"gamma": 1}', '{"alpha": null}', "[" * 99_999],
    ids=range(7),
)
def test_a_calibration_that_makes_no_sense_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "calibration.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"calibration\.json: .*again"):
        read_calibration(tmp_path)
