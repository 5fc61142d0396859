"""ComfyUI's graphs, as its API takes them and its pictures carry them in the chunk `prompt`:

    {"3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 20, "positive": ["6", 0], ...}}, ...}

The sampler that begins the picture is found, and from it the ways to its texts, its numbers and its size are
gone back, through common nodes and any that pass such things on. All walks are bounded.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeGuard

from .said import MAX_PROMPT, Said, ToolError, said_by

TOOL = "ComfyUI"
MAX_NODES = 20_000
_MAX_STEPS = 20_000
_MAX_DEPTH = 60
_NOISE = ("seed", "noise_seed", "noise")
_GUIDED = ("positive", "guider", "conditioning")
_HELPERS = ("noise", "guider", "sigmas", "sampler")  # nodes that hold what a plain sampler has itself
_LATENT = ("latent_image", "latent", "samples", "pixels", "image", "init_image")
_WHOLE = ("populated_text", "text", "prompt", "string", "value", "Text", "wildcard_text")  # the first has all
_PARTS = ("text_g", "text_l", "clip_g", "clip_l", "t5xxl", "llama")  # one text for each encoder
_JOINED = tuple(
    f"{name}{end}"
    for name in ("string", "text", "prompt")
    for end in ("_a", "_b", "_c", "_d", "1", "2", "3", "_1", "_2", "_3")
)
_NUMBERS = ("value", "int", "float", "number", "Number", "seed", "noise_seed")
_NOT_WORDS = (
    *("clip", "model", "vae", "image", "images", "pixels", "mask", "control_net", "latent", "latent_image"),
    *("samples", "clip_vision_output", "style_model", "noise", "sigmas", "sampler", "pipe", "basic_pipe"),
)
_NAMED = {
    "ckpt_name": "model",
    "unet_name": "model",
    "lora_name": "lora files",
    "control_net_name": "control nets",
}

Graph = Mapping[str, Any]


def is_graph(value: object) -> TypeGuard[Graph]:
    """Whether a value is such a graph: nodes by their ids."""
    if not isinstance(value, Mapping) or not value:
        return False
    nodes = list(value.values())
    return all(isinstance(node, Mapping) for node in nodes) and any(map(_is_node, nodes))


def is_workflow(value: object) -> bool:
    """Whether a value is a graph as the editor saves it, which lacks the names of what nodes are given."""
    return isinstance(value, Mapping) and isinstance(value.get("nodes"), list) and "links" in value


def said_in_graph(graph: Graph) -> Said:
    """What a graph says of the picture that it makes.

    Raises:
        ToolError: it has too many nodes, or none that leads to a text.
    """
    if len(graph) > MAX_NODES:
        raise ToolError(f"is a graph of {TOOL} with {len(graph)} nodes: at most {MAX_NODES} are read")
    walk = _Walk({str(name): node for name, node in graph.items() if _is_node(node)})
    found = walk.said()
    if not found["prompt"]:
        raise ToolError(f"is a graph of {TOOL} in which no prompt was found: write it into a prompt file")
    return said_by(TOOL, found)


def _is_node(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("class_type"), str)
        and isinstance(value.get("inputs"), Mapping)
    )


class _Walk:
    """Goes back along the links of a graph."""

    def __init__(self, nodes: Mapping[str, Mapping[str, Any]]) -> None:
        self._nodes = nodes
        self._steps_left = _MAX_STEPS

    def said(self) -> dict[str, object]:
        sampler = self._first_sampler()
        if sampler is None:
            return {"prompt": self._only_text(), **self._named(self._nodes)}
        near = [sampler, *self._helpers(sampler)]
        latent = [*self._back(sampler, _LATENT)]
        said: dict[str, object] = {
            "prompt": self._words(near, "positive"),
            "negative_prompt": self._words(near, "negative"),
            "seed": self._number(near, "seed", "noise_seed"),
            "steps": self._number(near, "steps"),
            "cfg": self._number(near, "cfg", "cfg_scale"),
            "width": self._number(latent, "width", "empty_latent_width"),
            "height": self._number(latent, "height", "empty_latent_height"),
            "denoise": self._number(near, "denoise"),
        }
        for name in ("sampler_name", "scheduler"):
            said[name] = next((v for n in near if isinstance(v := self._inputs(n).get(name), str)), None)
        return said | self._named(self._nodes)

    def _inputs(self, name: str) -> Mapping[str, Any]:
        return self._nodes[name]["inputs"]

    def _link(self, value: object) -> str | None:
        """The node that an input comes from."""
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], (str, int)):
            name = str(value[0])
            return name if name in self._nodes else None
        return None

    def _spend(self) -> bool:
        self._steps_left -= 1
        return self._steps_left >= 0

    def _first_sampler(self) -> str | None:
        """The sampler that others go on from; of those that lead to a picture which is saved, if any is."""
        samplers = [name for name in self._nodes if self._is_sampler(name)]
        outputs = [name for name in self._nodes if re.search("Save|Preview", self._nodes[name]["class_type"])]
        saved = {name for output in outputs for name in self._back(output, None)}
        some = [name for name in samplers if name in saved] or samplers
        for name in some:
            if not any(other in some for other in self._back(name, _LATENT)):
                return name
        return some[0] if some else None

    def _is_sampler(self, name: str) -> bool:
        inputs = self._inputs(name)
        return any(each in inputs for each in _NOISE) and any(each in inputs for each in _GUIDED)

    def _helpers(self, sampler: str) -> Iterator[str]:
        return self._back(sampler, _HELPERS)

    def _back(self, start: str, names: Iterable[str] | None) -> Iterator[str]:
        """The nodes behind one along inputs of these names, or all, the nearest first; itself left out."""
        seen, level = {start}, [start]
        while level:
            behind: list[str] = []
            for name in level:
                inputs = self._inputs(name)
                for value in inputs.values() if names is None else (inputs.get(each) for each in names):
                    if (other := self._link(value)) and other not in seen and self._spend():
                        seen.add(other)
                        behind.append(other)
                        yield other
            level = behind

    def _number(self, nodes: Iterable[str], *names: str) -> object:
        for node in nodes:
            for name in names:
                value = self._inputs(node).get(name)
                if (behind := self._link(value)) is not None:
                    value = self._number_behind(behind, name)
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    return value
        return None

    def _number_behind(self, node: str, name: str) -> object:
        for other in (node, *self._back(node, None)):
            for each in (name, *_NUMBERS):
                value = self._inputs(other).get(each)
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    return value
        return None

    def _words(self, near: Iterable[str], role: str) -> str:
        for node in near:
            inputs = self._inputs(node)
            given = inputs.get(role, inputs.get("conditioning") if role == "positive" else None)
            if given is not None:
                return self._joined(self._texts(given, role, 0, set()))
        return ""

    def _joined(self, texts: Iterable[str]) -> str:
        text = ", ".join(dict.fromkeys(filter(None, (each.strip() for each in texts))))
        return text[: MAX_PROMPT + 1]

    def _texts(self, value: object, role: str, depth: int, seen: set[str]) -> list[str]:
        """The texts that a value comes from, which is one itself or a link."""
        if isinstance(value, str):
            return [value]
        node = self._link(value)
        if node is None or node in seen or depth > _MAX_DEPTH or not self._spend():
            return []
        seen.add(node)
        if "ZeroOut" in self._nodes[node]["class_type"]:
            return []
        inputs = self._inputs(node)
        for names in ((role, f"{role}_prompt", f"text_{role}"), _WHOLE):
            for name in names:
                if texts := self._texts(inputs.get(name), role, depth + 1, seen):
                    return texts
        if texts := [text for name in _PARTS for text in self._texts(inputs.get(name), role, depth + 1, seen)]:
            return texts
        if parts := [text for name in _JOINED for text in self._texts(inputs.get(name), role, depth + 1, seen)]:
            between = inputs.get("delimiter", inputs.get("separator", " "))
            return [(between if isinstance(between, str) else " ").join(parts)]
        links = [each for name, each in inputs.items() if name not in _NOT_WORDS and self._link(each)]
        return [text for each in links for text in self._texts(each, role, depth + 1, seen)]

    def _only_text(self) -> str:
        """The text of a graph that has no sampler of a kind that is known, if it has one text alone."""
        encoders = [name for name in self._nodes if "TextEncode" in self._nodes[name]["class_type"]]
        texts = [text for name in encoders[:2] for text in self._texts([name, 0], "positive", 0, set())]
        return texts[0].strip() if len(texts) == 1 else ""

    def _named(self, nodes: Iterable[str]) -> dict[str, object]:
        """Files that nodes name: models, LoRAs."""
        named: dict[str, list[str]] = {}
        for node in nodes:
            for key, title in _NAMED.items():
                if isinstance(value := self._inputs(node).get(key), str):
                    named.setdefault(title, []).append(value)
        return {title: ", ".join(values[:20]) for title, values in named.items()}
