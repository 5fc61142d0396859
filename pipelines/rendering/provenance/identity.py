"""What a row is: all that its picture depends on, hashed.

A row whose hash is another than in the journal has changed, and is rendered again. The place of a row in its
file is no part of it, nor are the names of files and folders: weights count by their content.
"""

import dataclasses
import hashlib
import json
import math
from typing import Any

from ....engine.values import Request
from ....engine.version import __version__
from ...recipes.environment import Environment
from ...recipes.lora_table import lora_revisions, loras_state
from ...recipes.reader import Recipe


def identity(request: Request, environment: Environment) -> str:
    """Sixteen hex digits: the hash of the request as it is carried out, and of what carries it out."""
    values = dataclasses.asdict(dataclasses.replace(request, start=None, references=(), controls=()))
    del values["row"], values["references"], values["controls"]
    values["start"] = request.start and request.start.digest  # by the bytes of pictures, not their names
    if request.references:
        values["references"] = [each.identity for each in request.references]
    if request.controls:
        values["controls"] = [each.digest for each in request.controls]
    weights = lora_revisions(environment.table, request.settings.loras)
    said = {"request": _plain(values), "pipeline": environment.essence(), "loras": weights or None}
    return _hash({name: value for name, value in said.items() if value is not None})


def context_of(recipe: Recipe, environment: Environment) -> bytes:
    """A checksum of what decides requests, and the rows' ids, beside the rows themselves."""
    loras = loras_state(recipe)
    said = repr((__version__, environment.essence(), recipe.height, recipe.width, recipe.defaults, *loras))
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """Without what is `None`, so that a setting that a later version adds changes nothing while silent."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if each is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return "inf" if isinstance(value, float) and math.isinf(value) else value
