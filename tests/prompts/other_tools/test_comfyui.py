"""Graphs of ComfyUI: texts, numbers and sizes are found through the nodes that people use."""

import time
from typing import Any

import pytest

from diptych.prompts.other_tools.comfyui import is_graph, said_in_graph
from diptych.prompts.other_tools.said import ToolError


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": kind}}


PLAIN = {  # the graph that ComfyUI starts with
    "3": node(
        "KSampler",
        **{"seed": 7, "steps": 20, "cfg": 8.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0},
        **{"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]},
    ),
    "4": node("CheckpointLoaderSimple", ckpt_name="v1-5.safetensors"),
    "5": node("EmptyLatentImage", width=512, height=768, batch_size=1),
    "6": node("CLIPTextEncode", text="a red boat", clip=["4", 1]),
    "7": node("CLIPTextEncode", text="fog", clip=["4", 1]),
    "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
    "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
}
TWO_PASSES = PLAIN | {
    "10": node("LatentUpscale", samples=["3", 0], width=1024, height=1536),
    "11": node(
        "KSampler",
        **{"seed": 8, "steps": 9, "cfg": 4.0, "denoise": 0.5, "model": ["4", 0]},
        **{"positive": ["6", 0], "negative": ["7", 0], "latent_image": ["10", 0]},
    ),
    "8": node("VAEDecode", samples=["11", 0], vae=["4", 2]),
}
LINKED = PLAIN | {  # numbers and texts from nodes of their own, a ControlNet and a LoRA in between
    "3": node(
        "KSamplerAdvanced",
        **{"noise_seed": ["20", 0], "steps": ["21", 0], "cfg": 8.0, "model": ["24", 0]},
        **{"positive": ["23", 0], "negative": ["23", 1], "latent_image": ["5", 0]},
    ),
    "6": node("CLIPTextEncode", text=["22", 0], clip=["24", 1]),
    "20": node("PrimitiveInt", value=7),
    "21": node("PrimitiveNode", value=20),
    "22": node("StringConcatenate", string_a="a red", string_b=["25", 0], delimiter=" "),
    "25": node("Text Multiline", text="boat"),
    "23": node(
        "ControlNetApplyAdvanced", positive=["6", 0], negative=["7", 0], control_net=["26", 0], strength=1
    ),
    "24": node("LoraLoader", lora_name="boats.safetensors", model=["4", 0], clip=["4", 1]),
    "26": node("ControlNetLoader", control_net_name="depth.pth"),
}
CUSTOM = {  # as Flux is used
    "1": node(
        "SamplerCustomAdvanced",
        **{
            "noise": ["2", 0],
            "guider": ["3", 0],
            "sampler": ["4", 0],
            "sigmas": ["5", 0],
            "latent_image": ["6", 0],
        },
    ),
    "2": node("RandomNoise", noise_seed=7),
    "3": node("CFGGuider", model=["9", 0], positive=["7", 0], negative=["8", 0], cfg=8.0),
    "4": node("KSamplerSelect", sampler_name="euler"),
    "5": node("BasicScheduler", scheduler="simple", steps=20, denoise=1.0, model=["9", 0]),
    "6": node("EmptySD3LatentImage", width=512, height=768, batch_size=1),
    "7": node("FluxGuidance", guidance=3.5, conditioning=["10", 0]),
    "8": node("ConditioningZeroOut", conditioning=["10", 0]),
    "9": node("UNETLoader", unet_name="flux1-dev.safetensors"),
    "10": node("CLIPTextEncodeFlux", clip_l="a red boat", t5xxl="a red boat", guidance=3.5, clip=["11", 0]),
    "11": node("DualCLIPLoader", clip_name1="t5xxl.safetensors"),
    "12": node("SaveImage", images=["13", 0]),
    "13": node("VAEDecode", samples=["1", 0]),
}
WANTED = {"seed": 7, "num_inference_steps": 20, "guidance_scale": 8.0, "width": 512, "height": 768}


@pytest.mark.parametrize(
    ("graph", "negative"), [(PLAIN, "fog"), (TWO_PASSES, "fog"), (LINKED, "fog"), (CUSTOM, None)]
)
def test_a_graph_says_what_the_picture_was_made_of(graph: dict[str, Any], negative: str | None) -> None:
    assert is_graph(graph)
    said = said_in_graph(graph)
    assert (said.tool, said.prompt) == ("ComfyUI", "a red boat")
    assert said.settings == {**WANTED, **({"negative_prompt": negative} if negative else {})}


def test_models_and_loras_are_named_as_not_carried_over() -> None:
    rest = said_in_graph(LINKED).rest
    assert rest["model"] == "v1-5.safetensors" and rest["lora files"] == "boats.safetensors"
    assert rest["control nets"] == "depth.pth"


def test_two_texts_of_one_picture_are_joined() -> None:
    both = {"6": node("ConditioningCombine", conditioning_1=["20", 0], conditioning_2=["21", 0])}
    texts = {"20": node("CLIPTextEncode", text="a red boat"), "21": node("CLIPTextEncode", text="at sunset")}
    assert said_in_graph(PLAIN | both | texts).prompt == "a red boat, at sunset"


def test_loops_and_long_chains_end() -> None:
    loop = PLAIN | {"6": node("Reroute", a=["20", 0]), "20": node("Reroute", a=["6", 0])}
    chain = PLAIN | {f"c{i}": node("Reroute", value=[f"c{i + 1}", 0]) for i in range(5000)}
    chain["6"] = node("Reroute", value=["c0", 0])
    wide = PLAIN | {
        f"w{i}": node("Join", **{f"i{j}": [f"w{(i * 7 + j) % 500}", 0] for j in range(40)}) for i in range(500)
    }
    wide["6"] = node("Join", a=["w0", 0])
    for graph in (loop, chain, wide):
        started = time.process_time()
        with pytest.raises(ToolError, match="no prompt was found"):
            said_in_graph(graph)
        assert time.process_time() - started < 5
    with pytest.raises(ToolError, match="at most 20000 are read"):
        said_in_graph({str(i): node("Reroute") for i in range(20_001)})


@pytest.mark.parametrize("value", [None, [], {}, {"a": 1}, {"prompt": "a boat"}, {"1": {"class_type": 3}}, "x"])
def test_what_is_no_graph(value: Any) -> None:
    assert not is_graph(value)
