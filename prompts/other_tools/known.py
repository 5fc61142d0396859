"""Which tool made a picture, and what it says: by the texts in the picture's file, or by a JSON value."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from .comfyui import is_graph, is_workflow, said_in_graph
from .parameters import is_parameters, said_in_parameters
from .said import Said, ToolError, said_by

TOOLS = "AUTOMATIC1111, Forge, ComfyUI, InvokeAI, SwarmUI, Fooocus, NovelAI, Easy Diffusion and Draw Things"
_COMMENTS = ("parameters", "UserComment", "XMP UserComment", "comment", "generation_data")
_BEHIND_A_NAME = re.compile(r"(prompt|workflow):\s*(?=\{)", re.IGNORECASE)  # ComfyUI in the EXIF of a WebP
_MAX_JSON = 32 * 2**20  # characters
_BEGINS_JSON = re.compile(r'\s*\{\s*("[^"]*"\s*:|\}\s*\Z)')
_DREAM = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(.*)', re.DOTALL)  # of old InvokeAI: "a prompt" -s 50 -S 7
_DREAM_OPTION = re.compile(r"(?<!\S)-([sSWHCA])\s*(\S+)")
_DREAM_NAMES = {"s": "steps", "S": "seed", "W": "width", "H": "height", "C": "cfg", "A": "sampler"}
_UNWANTED = re.compile(r"\[([^\]]*)\]")  # in prompts of old InvokeAI
_JOB = re.compile(r"(.*?)\s*Job ID: [0-9a-f-]{36}", re.DOTALL)
SWARM = "sui_image_params"
"""The name under which SwarmUI keeps all that it says."""
_CIVITAI = ("url", "hash", "nsfwLevel", "postId", "username")
_FOOOCUS = ("full_prompt", "base_model", "base_model_name", "performance", "metadata_scheme", "Performance")


def said_in_texts(texts: Mapping[str, str]) -> Said | None:
    """What a picture's texts say of it; `None` where they say nothing of the kind.

    Args:
        texts: by PNG keyword, or by the name of their place in EXIF or XMP.

    Raises:
        ToolError: they are a tool's, but cannot be read.
    """
    for name in _COMMENTS:
        text = texts.get(name, "").strip()
        if text and (said := _in_json(text) or _in_words(name, text)):
            return said
    for read in (_invokeai, _novelai, _comfyui, _easy_diffusion, _midjourney):
        if said := read(texts):
            return said
    return None


def said_in_value(value: object) -> Said | None:
    """What a JSON value says, if it is one that a tool writes of a picture.

    Raises:
        ToolError: it is a tool's, but cannot be read.
    """
    if not isinstance(value, Mapping):
        return None
    if is_graph(value):
        return said_in_graph(value)
    if is_workflow(value):
        raise ToolError("is a workflow of ComfyUI as its editor saves it: save it there with Export (API)")
    for is_one, read in _VALUES:
        if is_one(value):
            return read(value)
    return None


def said_in_file(value: object) -> Said | None:
    """What an entry of a prompt file says, if it can only be a tool's; `None` of any other.

    Raises:
        ToolError: it is a tool's, but cannot be read.
    """
    if not isinstance(value, Mapping):
        return None
    if "meta" in value and not isinstance(value.get("prompt"), str) and any(name in value for name in _CIVITAI):
        return _civitai(value["meta"])
    sure = is_graph(value) or is_workflow(value) or is_graph(value.get("prompt"))
    sure = sure or SWARM in value or sum(name in value for name in _FOOOCUS) > 1
    return said_in_value(value) if sure else None


def _civitai(meta: object) -> Said:
    """What Civitai's API says of a picture; it wraps some once more."""
    inner = meta.get("meta", meta) if isinstance(meta, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(inner.get("prompt"), str):
        raise ToolError("is a picture of Civitai that does not say its prompt")
    return said_by("Civitai", {str(name): value for name, value in inner.items()})


def _graph_within(value: Mapping[str, Any]) -> Said:
    return said_in_graph(value["prompt"])


def _swarm(value: Mapping[str, Any]) -> Said:
    more = value.get("sui_extra_data")
    return said_by("SwarmUI", {**value[SWARM], **(more if isinstance(more, Mapping) else {})})


def _fooocus(value: Mapping[str, Any]) -> Said:
    return said_by("Fooocus", value)


def _draw_things(value: Mapping[str, Any]) -> Said:
    return said_by("Draw Things", value, names={"c": "prompt", "scale": "guidance_scale"})


def _novelai_value(value: Mapping[str, Any]) -> Said:
    return said_by("NovelAI", value, names={"scale": "guidance_scale"})


def _novelai_whole(value: Mapping[str, Any]) -> Said | None:
    return said_in_texts({"Software": "NovelAI", "Comment": value["Comment"]})


def _ruined(value: Mapping[str, Any]) -> Said:
    return said_by("RuinedFooocus", value)


_VALUES: tuple[tuple[Callable[[Mapping[str, Any]], bool], Callable[[Mapping[str, Any]], Said | None]], ...] = (
    (lambda value: is_graph(value.get("prompt")), _graph_within),
    (lambda value: isinstance(value.get(SWARM), Mapping), _swarm),
    (lambda value: value.get("software") == "RuinedFooocus", _ruined),
    (
        lambda value: any(name in value for name in _FOOOCUS) and ("prompt" in value or "Prompt" in value),
        _fooocus,
    ),
    (lambda value: "c" in value and "uc" in value, _draw_things),
    (lambda value: "uc" in value and "prompt" in value, _novelai_value),
    (lambda value: isinstance(value.get("Comment"), str), _novelai_whole),
)


def _in_json(text: str) -> Said | None:
    value = _json(text)
    if value is None:
        return None
    if said := said_in_value(value):
        return said
    if any(name.lower().replace("_", " ") in ("prompt", "positive prompt") for name in value):
        return said_by("another tool", value)
    return None


def _in_words(name: str, text: str) -> Said | None:
    if _is_json(text):
        if name == "parameters":
            raise ToolError("has parameters in JSON of a kind that is not known: write its prompt into a file")
        return None
    return said_in_parameters(text) if name == "parameters" or is_parameters(text) else None


def _invokeai(texts: Mapping[str, str]) -> Said | None:
    if (value := _json(texts.get("invokeai_metadata", ""))) is not None:
        return said_by("InvokeAI", value)
    if (value := _json(texts.get("sd-metadata", ""))) is not None and isinstance(value.get("image"), Mapping):
        image = value.pop("image")
        return _split(said_by("InvokeAI", {**image, **{n: v for n, v in value.items() if n not in image}}))
    if found := _DREAM.fullmatch(texts.get("Dream", "").strip()):
        options = {_DREAM_NAMES[name]: value for name, value in _DREAM_OPTION.findall(found[2])}
        return _split(said_by("InvokeAI", {"prompt": found[1], **options}))
    return None


def _split(said: Said) -> Said:
    """Without the words in brackets, which old InvokeAI does not want to see."""
    unwanted = ", ".join(_UNWANTED.findall(said.prompt))
    if not unwanted:
        return said
    prompt = " ".join(_UNWANTED.sub(" ", said.prompt).split())
    settings = {"negative_prompt": unwanted, **said.settings}
    return Said(tool=said.tool, prompt=prompt, settings=settings, rest=said.rest)


def _novelai(texts: Mapping[str, str]) -> Said | None:
    if not texts.get("Software", "").startswith("NovelAI"):
        return None
    value = _json(texts.get("Comment", "")) or {}
    if not isinstance(value.get("prompt"), str):
        value["prompt"] = texts.get("Description", "")
    if source := texts.get("Source"):
        value.setdefault("source", source)
    return _novelai_value(value)


def _comfyui(texts: Mapping[str, str]) -> Said | None:
    found = {name.lower(): text for name, text in texts.items() if name.lower() in ("prompt", "workflow")}
    for text in texts.values():
        if name := _BEHIND_A_NAME.match(text[:40]):
            found.setdefault(name[1].lower(), text[name.end() :])
    graph, workflow = _json(found.get("prompt", "")), _json(found.get("workflow", ""))
    return said_in_value(graph) or said_in_value(workflow)


def _easy_diffusion(texts: Mapping[str, str]) -> Said | None:
    for name in ("negative_prompt", "Negative Prompt"):
        if name in texts:
            return said_by("Easy Diffusion", texts)
    return None


def _midjourney(texts: Mapping[str, str]) -> Said | None:
    found = _JOB.match(texts.get("Description", "")[:20_000])
    if found is None:
        return None
    prompt, *options = re.split(r"\s--(?=[a-z])", f" {found[1]}")
    pairs = [option.partition(" ")[::2] for option in options]
    unwanted = ", ".join(value.strip() for name, value in pairs if name == "no")
    rest = {name: value.strip() or True for name, value in pairs if name != "no"}
    seed = {"seed": rest.pop("seed")} if "seed" in rest else {}
    said = said_by("Midjourney", {"prompt": prompt, "negative_prompt": unwanted, **seed})
    return Said(tool=said.tool, prompt=said.prompt, settings=said.settings, rest={**said.rest, **rest})


def _is_json(text: str) -> bool:
    """Whether a text is JSON, or was before it was cut off; `{"OPEN"|"CLOSED"} sign` is a prompt."""
    if _BEGINS_JSON.match(text):
        return True
    try:
        return text.startswith("[") and isinstance(json.loads(text[:_MAX_JSON]), list)
    except (ValueError, RecursionError):
        return False


def _json(text: str) -> dict[str, Any] | None:
    """The object that a text is in JSON; `None` for any other."""
    text = text.strip()
    if not text.startswith("{") or len(text) > _MAX_JSON:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
