"""Pictures of other tools, in the shape that those write them: what is read, and what is not carried over."""

import json
from typing import Any

import pytest

from diptych.prompts.entry import Place
from diptych.prompts.other_tools.known import said_in_texts
from diptych.prompts.other_tools.said import Said, ToolError

A1111 = (
    "a red boat\n\n  on a lake, (calm:1.2)\nNegative prompt: fog,\nrain\n"
    "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 11, Size: 512x768, "
    'Model hash: 6ce0161689, Model: v1-5, Lora hashes: "boats: 1f, more: 2a", Version: v1.10.1'
)
BOAT = {"seed": 11, "num_inference_steps": 20, "guidance_scale": 7.0, "width": 512, "height": 768}
TEXTS: dict[str, dict[str, str]] = {
    "AUTOMATIC1111": {"parameters": A1111},
    "Forge": {"parameters": A1111.replace("v1.10.1", "f2.0.1v1.10.1-previous-669")},
    "SD.Next": {"UserComment": A1111.replace("Version: v1.10.1", "App: SD.Next, Version: 5f2d")},
    "InvokeAI": {
        "invokeai_metadata": json.dumps(
            {
                **{
                    "generation_mode": "sdxl_txt2img",
                    "positive_prompt": "a red boat",
                    "negative_prompt": "fog",
                },
                **{
                    "width": 512,
                    "height": 768,
                    "seed": 11,
                    "cfg_scale": 7.0,
                    "steps": 20,
                    "scheduler": "euler",
                },
                "model": {"key": "3", "name": "sdxl", "base": "sdxl"},
            }
        ),
        "invokeai_graph": "{}",
    },
    "SwarmUI": {
        "parameters": json.dumps(
            {
                "sui_image_params": {
                    **{
                        "prompt": "a red boat",
                        "negativeprompt": "fog",
                        "model": "sdxl",
                        "seed": 11,
                        "steps": 20,
                    },
                    **{
                        "cfgscale": 7.0,
                        "aspectratio": "Custom",
                        "width": 512,
                        "height": 768,
                        "automaticvae": True,
                    },
                    "swarm_version": "0.9.6.0",
                },
                "sui_extra_data": {"date": "2025-06-01", "generation_time": "0.05 sec"},
            }
        )
    },
    "Fooocus": {
        "parameters": json.dumps(
            {
                **{"base_model": "juggernautXL", "guidance_scale": 7.0, "negative_prompt": "fog", "steps": 20},
                **{
                    "full_prompt": ["cinematic still a red boat . emotional"],
                    "full_negative_prompt": ["anime"],
                },
                **{"performance": "Speed", "prompt": "a red boat", "resolution": "(512, 768)", "seed": "11"},
                **{"styles": "['Fooocus V2']", "version": "Fooocus v2.5.0", "sampler": "dpmpp_2m_sde_gpu"},
            }
        ),
        "fooocus_scheme": "fooocus",
    },
    "NovelAI": {
        **{"Title": "NovelAI generated image", "Description": "a red boat", "Software": "NovelAI"},
        **{"Source": "NovelAI Diffusion V4.5 4BDE2A90"},
        "Comment": json.dumps(
            {
                **{"prompt": "a red boat", "steps": 20, "height": 768, "width": 512, "scale": 7.0, "seed": 11},
                **{
                    "uncond_scale": 0.0,
                    "uc": "fog",
                    "n_samples": 1,
                    "sampler": "k_euler_ancestral",
                    "v4_prompt": {},
                },
            }
        ),
    },
    "Draw Things": {
        "XMP UserComment": json.dumps(
            {
                "c": "a red boat",
                "uc": "fog",
                "seed": 11,
                "steps": 20,
                "scale": 7,
                "size": "512x768",
                "model": "x",
            }
        )
    },
    "Easy Diffusion": {
        **{"prompt": "a red boat", "negative_prompt": "fog", "seed": "11", "num_inference_steps": "20"},
        **{"guidance_scale": "7", "width": "512", "height": "768", "use_stable_diffusion_model": "sd-v1-4"},
    },
}


def said(texts: dict[str, str]) -> Said:
    found = said_in_texts(texts)
    assert found is not None
    return found


@pytest.mark.parametrize("tool", TEXTS)
def test_what_a_tool_says_is_read_as_it_meant_it(tool: str) -> None:
    found = said(TEXTS[tool])
    row = found.row(Place(source="x.png", line=1))
    first = "a red boat\n\n  on a lake, (calm:1.2)" if found.prompt.count("\n") else "a red boat"
    negative = "fog,\nrain" if found.prompt.count("\n") else "fog"
    assert (found.tool, row.prompt, row.template, row.fault) == (tool, first, first, None)
    assert row.settings == {**BOAT, "negative_prompt": negative}
    assert row.notes["made with"] == tool and len(row.notes) > 1  # what is not carried over


def test_what_is_not_carried_over_is_kept_by_name() -> None:
    assert said(TEXTS["AUTOMATIC1111"]).rest == {
        **{"Sampler": "DPM++ 2M", "Schedule type": "Karras", "Model hash": "6ce0161689", "Model": "v1-5"},
        **{"Lora hashes": "boats: 1f, more: 2a", "Version": "v1.10.1"},
    }


@pytest.mark.parametrize(
    ("texts", "prompt", "settings"),
    [
        ({"parameters": "a boat"}, "a boat", {}),
        ({"parameters": "a boat\nseed of hope"}, "a boat\nseed of hope", {}),
        ({"parameters": "a\nNegative prompt: b\nSeed: 5, CFG scale: 3, Sampler: x"}, "a", {"seed": 5}),
        (
            {"parameters": "a boat\nSteps: 20, Seed: 18446744073709551616, Size: 9000x64, CFG scale: 99"},
            "a boat",
            {},
        ),
        ({"parameters": "a boat\nSteps: 5, Seed: -1, Batch size: 4, Batch pos: 2"}, "a boat", {}),
        (
            {"Dream": '"a boat [fog]" -s 20 -S 7 -W 512 -H 64 -C 7.5 -A k_lms'},
            "a boat",
            {"negative_prompt": "fog"},
        ),
        (
            {"sd-metadata": json.dumps({"image": {"prompt": [{"prompt": "a boat", "weight": 1}], "seed": 3}})},
            "a boat",
            {"seed": 3},
        ),
        ({"UserComment": json.dumps({"Comment": json.dumps({"prompt": "a", "uc": "b"})})}, "a", {}),
        (
            {"Description": "a boat --no fog, rain --v 6 Job ID: 0b4f1e2a-1111-2222-3333-444455556666"},
            "a boat",
            {"negative_prompt": "fog, rain"},
        ),
    ],
)
def test_variants_of_their_formats(texts: dict[str, str], prompt: str, settings: dict[str, Any]) -> None:
    found = said(texts)
    assert found.prompt == prompt and settings.items() <= found.settings.items()
    assert "copies" not in found.settings and found.settings.get("seed", 0) != 2**64


def test_a_value_out_of_our_range_is_a_note_and_stops_nothing() -> None:
    found = said({"parameters": "a boat\nSteps: 20, Seed: 18446744073709551616, Size: 9000x64, CFG scale: 99"})
    assert found.settings == {"num_inference_steps": 20}
    assert {"seed", "guidance_scale", "width", "height"} <= found.rest.keys()


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"parameters": '{"x": 1}'}, "parameters in JSON of a kind that is not known"),
        ({"workflow": json.dumps({"nodes": [], "links": []})}, r"workflow of ComfyUI .* Export \(API\)"),
        (
            {"prompt": json.dumps({"1": {"class_type": "SaveImage", "inputs": {}}})},
            "graph of ComfyUI in which no",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_kind(texts: dict[str, str], message: str) -> None:
    with pytest.raises(ToolError, match=message):
        said_in_texts(texts)


@pytest.mark.parametrize(
    "texts",
    [{}, {"Software": "Paint"}, {"UserComment": "on holiday"}, {"comment": '{"x": 1}'}, {"Comment": "{"}],
)
def test_what_says_nothing_of_the_kind_is_none(texts: dict[str, str]) -> None:
    assert said_in_texts(texts) is None
