"""Planners that are no plain causal language models with a key-value cache: state-space and recurrent models,
attention without padding, and vision-language models, asked with words alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from diptych.engine.ar.decoding import decode_greedy
from diptych.engine.errors import CheckpointError
from diptych.engine.models.config_sizes import Configs
from diptych.engine.models.language.causal_lm import decoder_config
from diptych.engine.models.language.decoding.stepped import is_stepped
from diptych.engine.models.registry import Registry
from diptych.engine.stage import ModelKey, RunContext
from diptych.engine.stages.planning.plan import PlanStage
from diptych.engine.values import Request

from .captioner_twins import qwen2_5_vl, smolvlm
from .every_planner import generating, tiny, verdict
from .planner_twins import CHATML, SIZES, qwen3
from .texts import byte_level

PROMPTS = ["a red boat at sunset", "cat", "two blue birds above a house"]
SYSTEM = "You plan pictures."
TOKENS = 12
STATEFUL = ("bloom", "minimax", "mamba", "rwkv", "deepseek_v4")

Twin = Callable[[Callable[[Path], None]], Path]


def of_kind(name: str) -> Callable[[Path], None]:
    """Makes a folder of a tiny model of this kind, with a tokenizer of bytes."""

    def make(folder: Path) -> None:
        tokenizer = byte_level(
            ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], eos_token="<|im_end|>", chat_template=CHATML
        )
        long = {each: 2048 for each in ("max_position_embeddings", "n_positions", "context_length")}
        model = tiny(name, vocab_size=len(tokenizer), eos_token_id=2, **long)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    make.__name__ = name
    return make


def gemma3_vl(folder: Path) -> None:
    """Gemma 3 with its vision tower."""
    _with_eyes(
        folder,
        transformers.Gemma3Config,
        transformers.Gemma3ForConditionalGeneration,
        text={**SIZES, "sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"]},
        vision={"image_size": 28, "patch_size": 14, "num_channels": 3},
        mm_tokens_per_image=4,
    )


def mistral3(folder: Path) -> None:
    """Mistral Small 3.1: a Pixtral tower before a Mistral."""
    _with_eyes(
        folder,
        transformers.Mistral3Config,
        transformers.Mistral3ForConditionalGeneration,
        text={**SIZES, "model_type": "mistral"},
        vision={"model_type": "pixtral", "image_size": 28, "patch_size": 14, "head_dim": 8},
    )


def _with_eyes(
    folder: Path, configs: Any, kind: Any, *, text: dict[str, Any], vision: dict[str, Any], **more: Any
) -> None:
    tokenizer = byte_level(
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"], eos_token="<|im_end|>", chat_template=CHATML
    )
    ids = {"vocab_size": len(tokenizer), "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 0}
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
    image = (
        {"image_token_index": 3}
        if kind is transformers.Mistral3ForConditionalGeneration
        else {"image_token_id": 3}
    )
    config = configs(text_config=text | ids, vision_config=sizes | vision, **image, **more)
    torch.manual_seed(0)
    kind(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


SEEING = {make.__name__: make for make in (qwen2_5_vl, smolvlm, gemma3_vl, mistral3)}
ALL = {name: of_kind(name) for name in STATEFUL} | SEEING


@pytest.mark.parametrize("name", ALL)
def test_greedy_decoding_is_what_generate_gives_and_the_stage_writes_plans(twin: Twin, name: str) -> None:
    key = ModelKey("causal-lm", str(twin(ALL[name])))
    planner = Registry().load(key, "cpu")
    model: Any = planner.model
    assert is_stepped(model) == (name in STATEFUL)
    rows = [planner.prompt_ids(SYSTEM, prompt) for prompt in PROMPTS]
    decoding = planner.begin(rows, prompt_tokens=400, new_tokens=TOKENS)
    ours = decode_greedy(decoding, count=TOKENS, stop=planner.stop)
    model.generation_config = transformers.GenerationConfig()
    for row, written in zip(rows, ours, strict=True):
        ids = torch.tensor([row])
        theirs = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=TOKENS,
            do_sample=False,
            eos_token_id=planner.stop,
            pad_token_id=planner.stop,
        )[0, len(row) :].tolist()
        assert written == [token for token in theirs if token != planner.stop]
    stage = PlanStage(model=key, prompt_tokens=640, max_tokens=24, must_agree=False)
    request = Request(prompt="a red boat")
    (plan,) = stage.run([request], {key: planner}, RunContext())
    assert plan.prompt and stage.workspace([request]) > 0
    stage.rehearse(request, {key: planner})


@pytest.mark.parametrize(
    "name", ["cpmant", "openai-gpt", "mamba2", "xlm", "recurrent_gemma", "jamba", "falcon_h1", "bamba"]
)
def test_texts_under_way_are_those_of_generate_when_one_of_them_ends(name: str) -> None:
    model, expected = generating(name)
    assert verdict(model, None, expected) == "same"


@pytest.mark.parametrize("name", ["mamba", "gemma3_vl"])
def test_bytes_are_those_of_what_is_loaded(twin: Twin, name: str, tmp_path: Path) -> None:
    folder = twin(ALL[name])
    key = ModelKey("causal-lm", str(folder))
    planner = Registry().load(key, "cpu")
    held = {id(each): each.numel() * each.element_size() for each in planner.model.parameters()}
    assert Registry().weight_bytes(key) == pytest.approx(sum(held.values()), rel=0.02)
    for file in ("config.json",):
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    bare = Configs().weights(ModelKey("causal-lm", str(tmp_path)))
    assert sum(bare.values()) == pytest.approx(sum(held.values()), rel=0.02)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_attention_heads", 0),
        ("hidden_size", 0),
        ("vocab_size", 0),
        ("num_hidden_layers", 0),
        ("head_dim", 0),
    ],
)
def test_a_config_that_says_nothing_of_something_names_the_key(
    twin: Twin, tmp_path: Path, key: str, value: object
) -> None:
    config = json.loads((twin(SEEING["mistral3"]) / "config.json").read_text(encoding="utf-8"))
    config["text_config"][key] = value
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(CheckpointError, match=rf"config.json: {key} = {value}: must be at least 1"):
        decoder_config(str(tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_act": "nope"}, "config.json says hidden_act = 'nope', which the library does not know"),
        ({"rope_parameters": {"rope_type": "odd"}}, "says rope_type = 'odd', which the library does not know"),
        ({"layer_types": ["full_attention"]}, "must be equal to the number of `layer_types`"),
        ({"rms_norm_eps": "small"}, "rms_norm_eps"),
    ],
)
def test_a_value_that_the_library_does_not_take_is_named_with_its_key(
    twin: Twin, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    for file in twin(qwen3).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")
    with pytest.raises(CheckpointError, match=message):
        Registry().outline(ModelKey("causal-lm", str(tmp_path)))


@pytest.mark.parametrize(("name", "why"), [("bert", "writes none after it"), ("t5", "has an encoder")])
def test_what_writes_no_text_after_a_prompt_is_refused_by_name(twin: Twin, name: str, why: str) -> None:
    def make(folder: Path) -> None:
        tokenizer = byte_level(["<|endoftext|>"], eos_token="<|endoftext|>")
        sizes: dict[str, Any] = {
            "hidden_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 4,
            "intermediate_size": 48,
        }
        if name == "t5":
            config: Any = transformers.T5Config(d_model=32, d_ff=48, num_layers=1, num_heads=4, vocab_size=400)
            model: Any = transformers.T5ForConditionalGeneration(config)
        else:
            config = transformers.BertConfig(vocab_size=len(tokenizer), **sizes)
            model = transformers.BertLMHeadModel(config)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    make.__name__ = name
    with pytest.raises(CheckpointError, match=why):
        Registry().outline(ModelKey("causal-lm", str(twin(make))))
