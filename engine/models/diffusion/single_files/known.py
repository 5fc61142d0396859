"""The configs of the families whose single files are known (`known.json`): a pipeline's index, and what the
libraries need to build its components. Facts that the models' makers publish; the vocabularies of CLIP and T5
lie beside it."""

import functools
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_CONFIG = {"model_index.json": "model_index.json", "scheduler": "scheduler/scheduler_config.json"}
_SPECIAL = ("<|startoftext|>", "<|endoftext|>")

Configs = Mapping[str, Mapping[str, Any]]
"""What a pipeline's small files say, by their paths in its folder."""


@functools.cache
def _tables() -> dict[str, Any]:
    return json.loads((_HERE / "known.json").read_text(encoding="utf-8"))


def known_families() -> list[str]:
    """The families whose configs ship, by name."""
    return list(_tables()["families"])


def configs_of(family: str) -> dict[str, dict[str, Any]]:
    """What the small files of a family's pipelines say, by path; without those of text encoders that it has
    not."""
    pieces, table = _tables()["pieces"], _tables()["families"][family]
    return {
        path_of(name): dict(pieces[entry] if isinstance(entry, str) else entry) for name, entry in table.items()
    }


def path_of(component: str) -> str:
    """The file of a component's config in a pipeline's folder."""
    if component.startswith("tokenizer"):
        return f"{component}/tokenizer_config.json"
    return _CONFIG.get(component, f"{component}/config.json")


def has_vocabulary(config: Mapping[str, Any]) -> bool:
    """Whether the vocabulary of a tokenizer's config ships."""
    return _kind(config) in ("CLIPTokenizer", "T5Tokenizer")


def _kind(config: Mapping[str, Any]) -> str:
    return str(config.get("tokenizer_class", "")).removesuffix("Fast")


def write_vocabulary(folder: Path, config: Mapping[str, Any]) -> None:
    """Write the vocabulary beside a tokenizer's config, of a kind that ships."""
    if _kind(config) == "CLIPTokenizer":
        merges = (_HERE / "vocabularies" / "clip_merges.txt").read_text(encoding="utf-8")
        (folder / "merges.txt").write_text(merges, encoding="utf-8")
        (folder / "vocab.json").write_text(
            json.dumps(_clip_vocabulary(merges), ensure_ascii=False), encoding="utf-8"
        )
    elif _kind(config) == "T5Tokenizer":
        shutil.copyfile(_HERE / "vocabularies" / "t5.model", folder / "spiece.model")


def _clip_vocabulary(merges: str) -> dict[str, int]:
    """Ids by token: CLIP numbers the bytes, the bytes at a word's end, what the merges make in their order,
    and two marks (`simple_tokenizer.py` of openai/CLIP)."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [each for each in range(256) if each not in visible]
    letters = [chr(each) for each in visible] + [chr(256 + i) for i in range(len(others))]
    pairs = [line.replace(" ", "") for line in merges.splitlines()[1:] if line]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *pairs, *_SPECIAL]
    return {token: number for number, token in enumerate(tokens)}
