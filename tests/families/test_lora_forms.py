"""LoHa, LoKr, DoRA and full differences, against peft's layers and against their expansion; and what is
refused."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych.engine.models.diffusion.lora.file import read_lora
from diptych.engine.models.diffusion.lora.layers import Layer
from diptych.engine.models.diffusion.lora.layout import Layout
from diptych.engine.models.diffusion.lora.sites import sites_of
from diptych.engine.stage import Lora

from .lora_files import as_diffusers, as_kohya, pairs_of, saved
from .painting import Twin, library_pipeline
from .pipeline_twins import FAMILIES
from .test_lora_formats import picture, refusal, same

peft: Any = importlib.import_module("peft")
RANK, ALPHA = 3, 6.0


def filled(model: Any, seed: int) -> None:
    """Random numbers in the place of the zeros that adapters begin with."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if any(part in name for part in ("lokr", "hada", "lora_")):
            parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)


class Both(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(12, 18)
        self.conv = torch.nn.Conv2d(6, 8, 3, padding=1)


@pytest.mark.parametrize("conv", [False, True])
@pytest.mark.parametrize("kind", ["loha", "lokr", "lokr both"])
def test_the_expansion_of_each_form_is_that_of_peft(kind: str, conv: bool) -> None:
    torch.manual_seed(0)
    options: dict[str, Any] = {"r": RANK, "alpha": ALPHA, "target_modules": ["linear", "conv"]}
    if kind == "loha":
        config = peft.LoHaConfig(**options, use_effective_conv2d=conv)
    else:
        config = peft.LoKrConfig(
            **options, use_effective_conv2d=conv, decompose_both=kind == "lokr both", decompose_factor=2
        )
    model = peft.get_peft_model(Both(), config)
    filled(model, 1)
    for name in ("linear", "conv"):
        layer = getattr(model.base_model.model, name)
        parts = {
            each.split(".")[0]: value.detach()
            for each, value in layer.named_parameters()
            if "base_layer" not in each
        }
        ours = Layer(name=name, parts=parts, scale=ALPHA / RANK)
        expected = layer.get_delta_weight("default").detach()
        product = ours.product()
        assert product is not None and product.reshape(expected.shape).sub(expected).abs().max() <= 1e-5


@pytest.mark.parametrize("form", ["loha", "lokr", "lokr of two pairs", "lokr of tensors", "locon"])
def test_each_form_paints_as_its_expansion_does(form: str, twin: Twin, tmp_path: Path) -> None:
    folder = twin(FAMILIES["SD 1.5"])
    unet = library_pipeline(folder).unet
    torch.manual_seed(3)
    tensors: dict[str, torch.Tensor] = {}
    whole: dict[str, torch.Tensor] = {}
    for path, module in unet.named_modules():
        if not path.endswith(("attn1.to_q", "resnets.0.conv1")):
            continue
        name, shape = f"lora_unet_{path.replace('.', '_')}", tuple(module.weight.shape)
        parts = FORMS[form](shape)
        tensors |= {f"{name}.{role}": value for role, value in parts.items()}
        roles = {role.replace(".weight", "").replace("lora_", ""): value for role, value in parts.items()}
        product = Layer(name=name, parts=roles).product()
        assert product is not None
        whole[f"{name}.diff"] = product.reshape(shape)
    packed, full = saved(tmp_path / "packed.safetensors", tensors), saved(tmp_path / "full.safetensors", whole)
    made = picture(folder, "SD 1.5", Lora(str(packed), 0.7))
    assert (made - picture(folder, "SD 1.5", Lora(str(full), 0.7))).abs().max() == 0
    assert (made - picture(folder, "SD 1.5")).abs().max() > 1


def _loha(shape: tuple[int, ...]) -> dict[str, torch.Tensor]:
    out, into = shape[0], torch.Size(shape[1:]).numel()
    pairs = {
        f"hada_w{i}_{side}": size for i in (1, 2) for side, size in (("a", (out, RANK)), ("b", (RANK, into)))
    }
    return {role: 0.4 * torch.randn(size) for role, size in pairs.items()} | {"alpha": torch.tensor(2.0)}


def _lokr(shape: tuple[int, ...]) -> dict[str, torch.Tensor]:
    out, into, *kernel = shape
    second = torch.randn(out // 4, RANK), torch.randn(RANK, into // 2, *kernel)
    return {
        "lokr_w1": 0.3 * torch.randn(4, 2),
        "lokr_w2_a": second[0],
        "lokr_w2_b": 0.3 * second[1],
        "alpha": torch.tensor(2.0),
    }


def _lokr_of_two_pairs(shape: tuple[int, ...]) -> dict[str, torch.Tensor]:
    first = {"lokr_w1_a": torch.randn(4, RANK), "lokr_w1_b": 0.3 * torch.randn(RANK, 2)}
    return {name: part for name, part in _lokr(shape).items() if name != "lokr_w1"} | first


def _lokr_of_tensors(shape: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """Whole matrices: their alpha counts for nothing."""
    out, into, *kernel = shape
    second = 0.1 * torch.randn(out // 4, into // 2, *kernel)
    return {"lokr_w1": torch.randn(4, 2), "lokr_w2": second, "alpha": torch.tensor(1e9)}


def _locon(shape: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """With a core in the middle, where there is a kernel."""
    out, into, *kernel = shape
    ones = [1] * len(kernel)
    parts = {
        "lora_down.weight": torch.randn(RANK, into, *ones),
        "lora_up.weight": 0.2 * torch.randn(out, RANK, *ones),
        "alpha": torch.tensor(2.0),
    }
    return parts | ({"lora_mid.weight": 0.4 * torch.randn(RANK, RANK, *kernel)} if kernel else {})


FORMS: dict[str, Callable[[tuple[int, ...]], dict[str, torch.Tensor]]] = {
    "loha": _loha,
    "lokr": _lokr,
    "lokr of two pairs": _lokr_of_two_pairs,
    "lokr of tensors": _lokr_of_tensors,
    "locon": _locon,
}


def test_dora_is_carried_out_as_the_library_does(twin: Twin, tmp_path: Path) -> None:
    folder = twin(FAMILIES["SD 1.5"])
    pipeline = library_pipeline(folder)
    config = peft.LoraConfig(r=2, lora_alpha=4, target_modules=["to_q", "conv1"], use_dora=True)
    pipeline.unet.add_adapter(config, adapter_name="made")
    generator = torch.Generator().manual_seed(5)
    state = peft.utils.get_peft_model_state_dict(pipeline.unet, adapter_name="made")
    for name, value in state.items():
        noise = torch.randn(value.shape, generator=generator)
        state[name] = value * (1 + 0.2 * noise) if "magnitude" in name else 0.2 * noise
    metadata = {"lora_adapter_metadata": '{"unet.r": 2, "unet.lora_alpha": 4, "unet.use_dora": true}'}
    file = saved(
        tmp_path / "dora.safetensors", {f"unet.{name}": value for name, value in state.items()}, metadata
    )
    peft.set_peft_model_state_dict(pipeline.unet, state, adapter_name="made")
    merged = {
        path: layer.base_layer.weight.detach()
        for path, layer in pipeline.unet.named_modules()
        if hasattr(layer, "merge")
    }
    for layer in [each for _, each in pipeline.unet.named_modules() if hasattr(each, "merge")]:
        layer.merge(adapter_names=["made"])
    whole = {
        f"unet.{path}.diff": layer.base_layer.weight.detach()
        - library_pipeline(folder).unet.get_submodule(path).weight
        for path, layer in pipeline.unet.named_modules()
        if path in merged
    }
    full = saved(tmp_path / "full.safetensors", whole)
    made = picture(folder, "SD 1.5", file)
    assert (made - picture(folder, "SD 1.5", full)).abs().max() <= 1
    assert (made - picture(folder, "SD 1.5")).abs().max() > 1


@pytest.mark.parametrize("kernel", [(), (3, 3)])
@pytest.mark.parametrize("by_column", [False, True])
def test_the_lengths_of_dora_are_of_rows_or_of_columns_as_their_shape_says(
    by_column: bool, kernel: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    weight, ones = torch.randn(6, 6, *kernel), [1] * len(kernel)
    lengths = torch.rand(1, 6, *ones) if by_column else torch.rand(6, 1, *ones)
    parts = {
        "down": torch.randn(2, 6, *kernel),
        "up": torch.randn(6, 2, *ones),
        "dora_scale": lengths,
    }
    change = Layer(name="x", parts=parts).change(weight, 1.0)
    assert change is not None
    changed = weight + change
    axis = 1 if by_column else 0
    found = changed.transpose(0, axis).flatten(1).norm(dim=1)
    assert torch.allclose(found, lengths.flatten(), atol=1e-5)
    direction = weight + (parts["up"].flatten(1) @ parts["down"].flatten(1)).reshape(weight.shape)
    along = torch.nn.functional.cosine_similarity(
        changed.transpose(0, axis).flatten(1), direction.transpose(0, axis).flatten(1)
    )
    assert torch.allclose(along, torch.ones(6), atol=1e-5)


def test_text_encoders_of_kohya_are_those_of_diffusers(twin: Twin, tmp_path: Path) -> None:
    folder = twin(FAMILIES["SDXL"])
    pipeline = library_pipeline(folder)
    for place, (component, prefix) in enumerate(
        (("text_encoder", "lora_te1_"), ("text_encoder_2", "lora_te2_"))
    ):
        pairs = pairs_of(getattr(pipeline, component), ("q_proj", "fc1"), seed=place, scale=0.4)
        named = {path: f"text_model.{path.removeprefix('text_model.')}" for path in pairs}
        theirs = as_kohya(pairs, tmp_path / f"{prefix}.safetensors", named=named.__getitem__, prefix=prefix)
        ours = as_diffusers(
            {named[path]: pair for path, pair in pairs.items()},
            tmp_path / f"{component}.safetensors",
            component=component,
        )
        made = [picture(folder, "SDXL", Lora(str(file), 1.0, True)) for file in (ours, theirs)]
        assert (made[0] - made[1]).abs().max() == 0
        assert (made[0] - picture(folder, "SDXL")).abs().max() > 0


def test_fused_layers_of_the_original_code_are_cut_where_they_belong(twin: Twin) -> None:
    for family, name, paths in (
        ("SD 3", "diffusion_model.joint_blocks.0.x_block.attn.qkv", "attn.to_q attn.to_k attn.to_v"),
        (
            "SD 3",
            "lora_unet_joint_blocks_0_context_block_attn_qkv",
            "attn.add_q_proj attn.add_k_proj attn.add_v_proj",
        ),
        ("FLUX.1", "diffusion_model.double_blocks.0.img_attn.qkv", "attn.to_q attn.to_k attn.to_v"),
        ("FLUX.2", "diffusion_model.double_blocks.0.img_attn.qkv", "attn.to_q attn.to_k attn.to_v"),
        ("Z-Image", "diffusion_model.layers.0.attention.qkv", "attention.to_q attention.to_k attention.to_v"),
    ):
        layout = Layout.of(library_pipeline(twin(FAMILIES[family])))
        first = "layers.0" if family == "Z-Image" else "transformer_blocks.0"
        out, into = layout.shape_at(("transformer", f"{first}.{paths.split()[0]}"))
        found = sites_of({name: (3 * out, into)}, layout)[name]
        cut = {site.place[1]: site.rows.tolist() for site in found if site.rows is not None}
        assert cut == {
            f"{first}.{path}": list(range(i * out, (i + 1) * out)) for i, path in enumerate(paths.split())
        }, family


def test_what_belongs_to_another_model_is_refused_with_the_reason(twin: Twin, tmp_path: Path) -> None:
    sd, sdxl, flux = (twin(FAMILIES[name]) for name in ("SD 1.5", "SDXL", "FLUX.1"))
    of_sd = pairs_of(library_pipeline(sd).unet, ("attn2.to_k", "attn1.to_q"))
    texts = pairs_of(library_pipeline(sd).text_encoder, ("q_proj",))
    file = as_kohya(of_sd, tmp_path / "sd.safetensors", named=same)
    said = refusal(sdxl, file)
    assert (
        "is for a weight of 16x32, and down_blocks" in said and "attn2.to_k" in said and "another model" in said
    )
    said = refusal(flux, file)
    assert f"none of its {len(of_sd)} layers has a place in this FluxPipeline: lora_unet_down_blocks" in said
    assert f" and {len(of_sd) - 3} more" in said
    alone = as_kohya(texts, tmp_path / "te.safetensors", named=same, prefix="lora_te_")
    assert "names its text encoder lora_te" in refusal(flux, alone)
    named = as_diffusers(texts, tmp_path / "texts.safetensors", component="text_encoder")
    assert "changes the text_encoder alone" in refusal(flux, named)
    assert picture(sd, "SD 1.5", alone).sub(picture(sd, "SD 1.5", named)).abs().max() == 0
    stray = as_diffusers(
        {**of_sd, "down_blocks.9.to_q": tuple(each.clone() for each in next(iter(of_sd.values())))},
        tmp_path / "stray.safetensors",
        component="unet",
    )
    said = refusal(sd, stray)
    assert "1 layer of its" in said and ": unet.down_blocks.9.to_q: " in said and "partial = true" in said
    assert (
        picture(sd, "SD 1.5", Lora(str(stray), partial=True))
        .sub(picture(sd, "SD 1.5", as_diffusers(of_sd, tmp_path / "whole.safetensors", component="unet")))
        .abs()
        .max()
        == 0
    )


def test_damaged_files_are_told_in_a_line(twin: Twin, tmp_path: Path) -> None:
    sd = twin(FAMILIES["SD 1.5"])
    name = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"
    half = saved(tmp_path / "half.safetensors", {f"{name}.lora_down.weight": torch.zeros(2, 32)})
    assert "has no LoRA weights for a StableDiffusionPipeline: lora_unet_down_blocks" in refusal(sd, half)
    apart = {f"{name}.lora_down.weight": torch.zeros(2, 32), f"{name}.lora_up.weight": torch.zeros(32, 3)}
    assert f"the matrices of {name} do not fit each other" in refusal(
        sd, saved(tmp_path / "apart.safetensors", apart)
    )
    flat = {f"{name}.lora_down.weight": torch.zeros(2), f"{name}.lora_up.weight": torch.zeros(32, 2)}
    assert "do not fit each other" in refusal(sd, saved(tmp_path / "flat.safetensors", flat))
    assert read_lora(str(half)).strays


def test_a_row_of_zeros_stays_one_whatever_length_dora_gives_it() -> None:
    weight = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    parts = {"down": torch.zeros(1, 2), "up": torch.zeros(2, 1), "magnitude": torch.tensor([7.0, 10.0])}
    added = Layer(name="layer", parts=parts).change(weight, 1.0)
    assert added is not None
    torch.testing.assert_close(weight + added, torch.tensor([[0.0, 0.0], [6.0, 8.0]]))
