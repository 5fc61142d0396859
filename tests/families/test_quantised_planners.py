"""Planners with quantised weights: the library's own tokens with the same weights, counted at their size."""

import importlib
import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych.engine.ar.decoding import decode_greedy
from diptych.engine.errors import CheckpointError, InputError
from diptych.engine.models.checkpoint.slots import slots_of
from diptych.engine.models.language.causal_lm import LanguageModel
from diptych.engine.models.language.decoding.lean_layers import is_lean
from diptych.engine.models.registry import Registry
from diptych.engine.stage import ModelKey

from . import quantised_files as files

needs_torchao = pytest.mark.skipif(not files.has("torchao"), reason="torchao is not installed")
needs_bitsandbytes = pytest.mark.skipif(not files.has("bitsandbytes"), reason="bitsandbytes is not installed")

FOLDERS = [
    pytest.param(files.stored_fp8, id="stored fp8"),
    pytest.param(files.scaled_fp8, id="scaled fp8"),
    pytest.param(files.torchao_int8, marks=needs_torchao, id="torchao int8"),
    pytest.param(files.torchao_fp8, marks=needs_torchao, id="torchao fp8"),
    pytest.param(files.bitsandbytes_nf4, marks=needs_bitsandbytes, id="bitsandbytes nf4"),
    pytest.param(files.bitsandbytes_int8, marks=needs_bitsandbytes, id="bitsandbytes int8"),
]
PROMPTS = ["a red boat at sunset", "cat"]
TOKENS = 16

Twin = Callable[[Callable[[Path], None]], Path]


def key_of(folder: Path, quantize: str = "") -> ModelKey:
    return ModelKey("causal-lm", str(folder), tuning=(("quantize", quantize),) if quantize else ())


def written(planner: LanguageModel) -> tuple[list[list[int]], torch.Tensor]:
    """Greedy tokens of the prompts, and the last logits."""
    rows = [planner.prompt_ids("You plan pictures.", prompt) for prompt in PROMPTS]
    decoding = planner.begin(rows, prompt_tokens=400, new_tokens=TOKENS)
    return decode_greedy(decoding, count=TOKENS, stop=planner.stop), decoding.logits.clone()


def of_library(planner: LanguageModel, model: Any) -> list[list[int]]:
    """What the library's `generate` gives, without what follows a stop."""
    found: list[list[int]] = []
    how: dict[str, Any] = {"max_new_tokens": TOKENS, "do_sample": False, "eos_token_id": planner.stop}
    for prompt in PROMPTS:
        ids = torch.tensor([planner.prompt_ids("You plan pictures.", prompt)])
        with torch.inference_mode():
            made = model.generate(ids, attention_mask=torch.ones_like(ids), **how)
        found.append(made[0, ids.shape[1] :].tolist())
    return without_stop(found, planner.stop)


def library_model(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def without_stop(rows: list[list[int]], stop: int) -> list[list[int]]:
    return [row[: row.index(stop)] if stop in row else row for row in rows]


def taken(planner: LanguageModel) -> int:
    return sum(slot.like.nbytes for slot in slots_of(planner, []))


@pytest.mark.parametrize("make", FOLDERS)
def test_a_quantised_folder_gives_the_librarys_tokens_is_counted_right_and_comes_back_the_same(
    make: Callable[[Path, Path], None], twin: Twin, tmp_path: Path
) -> None:
    plain = twin(files.wide_llama)
    make(plain, tmp_path / "small")
    key, registry = key_of(tmp_path / "small"), Registry()
    assert registry.outline(key) is not None
    planner = registry.load(key, "cpu")
    assert not is_lean(planner.model)
    assert registry.weight_bytes(key) == pytest.approx(taken(planner), rel=0.02)
    assert registry.weight_bytes(key) < registry.weight_bytes(key_of(plain)) / 1.5
    tokens, logits = written(planner)
    if make in (files.stored_fp8, files.scaled_fp8):
        files.unscaled(tmp_path / "small", tmp_path / "whole")
        library = library_model(tmp_path / "whole")
    else:
        library = library_model(tmp_path / "small")
    assert without_stop(tokens, planner.stop) == of_library(planner, library)
    for _ in range(2):
        registry.unload(key)
        again, same = written(registry.load(key, "cpu"))
        assert again == tokens and torch.equal(logits, same)


@needs_torchao
@pytest.mark.parametrize("how", ["int8", "fp8"])
def test_a_planner_is_quantised_when_it_is_loaded(how: str, twin: Twin) -> None:
    quantization: Any = importlib.import_module("torchao.quantization")
    folder, registry = twin(files.wide_llama), Registry()
    key = key_of(folder, how)
    planner = registry.load(key, "cpu")
    assert registry.weight_bytes(key) == pytest.approx(taken(planner), rel=0.02)
    assert registry.weight_bytes(key) < registry.weight_bytes(key_of(folder)) / 1.5
    tokens, logits = written(planner)
    library = library_model(folder)
    config = {"int8": quantization.Int8WeightOnlyConfig, "fp8": quantization.Float8WeightOnlyConfig}[how]
    quantization.quantize_(library, config(set_inductor_config=False))
    assert without_stop(tokens, planner.stop) == of_library(planner, library)
    registry.unload(key)
    again, same = written(registry.load(key, "cpu"))
    assert again == tokens and torch.equal(logits, same)
    plain, _ = written(registry.load(key_of(folder), "cpu"))
    assert is_lean(registry.load(key_of(folder), "cpu").model) and len(plain) == len(tokens)


@needs_torchao
def test_quantising_leaves_the_settings_of_the_process_alone(twin: Twin) -> None:
    before = torch.get_float32_matmul_precision()
    Registry().load(key_of(twin(files.wide_llama), "int8"), "cpu")
    assert torch.get_float32_matmul_precision() == before


@needs_torchao
@pytest.mark.parametrize("how", ["int8", "fp8"])
def test_weights_that_two_layers_share_stay_as_they_are(how: str, twin: Twin) -> None:
    from .planner_twins import llama3

    folder, registry = twin(llama3), Registry()
    planner = registry.load(key_of(folder, how), "cpu")
    model: Any = planner.model
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert registry.weight_bytes(key_of(folder, how)) == pytest.approx(taken(planner), rel=0.02)


@needs_torchao
def test_what_is_quantised_already_is_not_quantised_again(twin: Twin, tmp_path: Path) -> None:
    files.torchao_int8(twin(files.wide_llama), tmp_path / "small")
    with pytest.raises(CheckpointError, match="quantised already: leave quantize out"):
        Registry().load(key_of(tmp_path / "small", "int8"), "cpu")


def test_quantising_without_torchao_names_the_extra(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "torchao")
    with pytest.raises(InputError, match=r"quantize needs torchao: pip install 'diptych\[torchao\]'"):
        Registry().outline(key_of(twin(files.wide_llama), "int8"))


METHODS = {
    "gptq": "by gptq, which the package gptqmodel reads, and it is not installed: name the same model",
    "awq": "by awq, which the package gptqmodel reads",
    "torchao": r"by torchao: pip install 'diptych\[torchao\]'",
    "bitsandbytes": r"by bitsandbytes: pip install 'diptych\[bitsandbytes\]'",
}
"""What is said of a folder that was quantised in this way, where nothing that reads it is installed."""


@pytest.mark.parametrize("method", METHODS)
def test_a_method_whose_package_is_missing_is_refused_by_name(
    method: str, twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(twin(files.wide_llama), tmp_path / "small")
    files.config_of(folder, quantization_config={"quant_method": method})
    for package in ("torchao", "bitsandbytes", "gptqmodel"):
        hide(monkeypatch, package)
    with pytest.raises((CheckpointError, InputError), match=METHODS[method]):
        Registry().outline(key_of(folder))


def without(path: Path, tensor: str) -> None:
    """Leave a tensor out of a file."""
    files.rewrite(path, lambda name, each: {} if name == tensor else {name: each})


def test_scaled_fp8_without_a_scale_is_refused(twin: Twin, tmp_path: Path) -> None:
    files.scaled_fp8(twin(files.wide_llama), tmp_path / "small")
    without(tmp_path / "small" / "model.safetensors", "model.layers.1.mlp.up_proj.scale_weight")
    with pytest.raises(CheckpointError, match=r"1\.mlp\.up_proj\.weight is of scaled fp8, and lacks its scale"):
        Registry().outline(key_of(tmp_path / "small"))


@needs_bitsandbytes
@pytest.mark.parametrize(
    ("make", "missing"), [(files.bitsandbytes_nf4, "weight.absmax"), (files.bitsandbytes_int8, "SCB")]
)
def test_a_bitsandbytes_folder_without_its_scales_is_one_line(
    make: Callable[[Path, Path], None], missing: str, twin: Twin, tmp_path: Path
) -> None:
    make(twin(files.wide_llama), tmp_path / "small")
    without(tmp_path / "small" / "model.safetensors", f"model.layers.0.mlp.up_proj.{missing}")
    with pytest.raises(CheckpointError) as caught:
        Registry().load(key_of(tmp_path / "small"), "cpu")
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


def copied(source: Path, folder: Path) -> Path:
    shutil.copytree(source, folder)
    return folder


def hide(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """As if a package were not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == package else find(name, *more)
    )


def test_a_hook_or_another_kind_of_layer_is_left_to_the_library(twin: Twin) -> None:
    registry = Registry()
    model: Any = registry.load(key_of(twin(files.wide_llama)), "cpu").model
    assert is_lean(model)
    hook = model.model.layers[0].mlp.register_forward_hook(lambda *_: None)
    assert not is_lean(model)
    hook.remove()
    assert is_lean(model)

    class Odd(torch.nn.Linear):
        pass

    plain = model.model.layers[1].mlp.up_proj
    model.model.layers[1].mlp.up_proj = Odd(plain.in_features, plain.out_features, bias=False)
    assert not is_lean(model)
    model.model.layers[1].mlp.up_proj = plain
    model.model.layers[1].mlp.forward = lambda x: x
    assert not is_lean(model)
    del model.model.layers[1].mlp.forward
    assert is_lean(model)


needs_gguf = pytest.mark.skipif(not files.has("gguf"), reason="gguf is not installed")


@needs_gguf
def test_a_gguf_planner_gives_the_librarys_tokens_and_is_counted_whole(twin: Twin, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    path = tmp_path / "model-Q8_0.gguf"
    files.gguf_planner(twin(files.even_qwen2), path)
    key, registry = key_of(path), Registry()
    assert registry.outline(key) is not None
    planner = registry.load(key, "cpu")
    assert registry.weight_bytes(key) == pytest.approx(taken(planner), rel=0.02)
    tokens, logits = written(planner)
    kind: Any = AutoModelForCausalLM
    library = kind.from_pretrained(tmp_path, gguf_file=path.name, dtype=torch.float32).eval()
    assert without_stop(tokens, planner.stop) == of_library(planner, library)
    plain = registry.load(key_of(twin(files.even_qwen2)), "cpu")
    assert planner.prompt_ids("You plan.", "a boat") == plain.prompt_ids("You plan.", "a boat")
    registry.unload(key)
    again, same = written(registry.load(key, "cpu"))
    assert again == tokens and torch.equal(logits, same)


@needs_gguf
@pytest.mark.parametrize("left", [10, 3000, -200])
def test_a_gguf_planner_that_was_cut_is_refused_in_a_line(left: int, twin: Twin, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    files.gguf_planner(twin(files.even_qwen2), path)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(CheckpointError, match=r"model\.gguf: .*: get the file again"):
        Registry().load(key_of(path), "cpu")


def test_a_gguf_planner_without_the_package_names_the_extra(
    twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import struct

    data = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<Q", 17) + b"token_embd.weight"
    data += struct.pack("<IQIQ", 1, 4, 0, 0)
    (tmp_path / "model.gguf").write_bytes(data + bytes(-len(data) % 32) + bytes(16))
    hide(monkeypatch, "gguf")
    with pytest.raises(InputError, match=r"pip install 'diptych\[gguf\]'"):
        Registry().outline(key_of(tmp_path / "model.gguf"))
