"""Settings that were asked for and change nothing, each with the reason: who set one should hear of it, once.

The command line says so beside the rows, see `cli/unused_options.py`; calls from Python in the log.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from ..engine.chain import Chain
from ..engine.language.words.prompt_syntax import marked
from ..engine.language.words.prompt_weights import says_weights
from ..engine.loop import Policy
from ..engine.messages import shown
from ..engine.runner import Runner
from ..engine.stage import settings_read_by
from ..engine.values import Draft, Request
from ..engine.values.setting import declared
from ..engine.values.settings import Settings
from .recipes.lora_table import unweighing_painter, words_of
from .recipes.reader import Recipe

_log = logging.getLogger(__name__)

_WEIGHTS_GO = "LoRAs belong into the recipe (lora_folder, or loras = [...] of a stage), and so do embeddings"
_OF_THE_LOOP = ("candidates", "keep", "rounds", "accept", "seconds", "repairs", "ignore_left_out", "pick")


class Piped(Protocol):
    """What is looked at of a pipeline."""

    @property
    def runner(self) -> Runner: ...

    @property
    def recipe(self) -> Recipe: ...


class UnusedWarnings:
    """Warns of settings that change nothing, of each once."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def of(self, pipe: Piped, requests: Iterable[Request], names: Iterable[str]) -> Iterator[Request]:
        """The same requests; each is looked at as it passes.

        Args:
            names: of the settings that the call asked for.
        """
        for request in requests:
            new = [name for name in names if name not in self._told]
            for name, why in unused(pipe, request, new).items() if new else ():
                self._told.add(name)
                _log.warning("diptych: %s is not used: %s", name, why)
            for mark, why in marks_without_effect(pipe, request).items():
                if mark not in self._told:
                    self._told.add(mark)
                    _log.warning("diptych: %s is not applied: %s", mark, why)
            yield request


def unread_by(chain: Chain) -> Mapping[str, str]:
    """The settings that no stage of a chain looks at, and why; none, if a stage does not say what it reads."""
    read: set[str] = set(_OF_THE_LOOP)
    for stage in chain.stages:
        if (names := settings_read_by(stage)) is None:
            return {}
        read |= names
    drafts = any(stage.gives is Draft for stage in chain.stages)
    why = "none of its stages looks at it" if drafts else "it drafts no tokens"
    whys = {
        "scheduler": "its painter takes none",
        **dict.fromkeys(("temperature", "top_k", "top_p", "draft_guidance_scale"), why),
    }
    unread = [name for name in ("negative_prompt", *declared(Settings)) if name not in read]
    return {name: whys.get(name, "none of its stages looks at it") for name in unread}


def unused(pipe: Piped, request: Request, names: Iterable[str]) -> dict[str, str]:
    """Which of the settings that somebody asked for change nothing in this request, and why.

    Args:
        names: of the settings that were asked for; the request has others by default.
    """
    unread = unread_by(pipe.runner.chain)
    of_recipe = {name: f"recipe {pipe.recipe.name} does not use it: {why}" for name, why in unread.items()}
    found = {**of_recipe, **_without_effect(pipe, request)}
    return {name: found[name] for name in names if name in found}


def marks_without_effect(pipe: Piped, request: Request) -> dict[str, str]:
    """Marks of a request's prompts that change nothing, and why: tags of LoRA weights and embeddings that the
    recipe does not have, and weights of words that the painter cannot read."""
    texts = (request.prompt, request.negative_prompt)
    if not any(character in text for text in texts for character in "<:B"):  # no mark is without one of them
        return {}
    known = {word.casefold() for word in words_of(pipe.recipe)}
    found: dict[str, str] = {}
    for text in texts:
        for span in marked(text).weights if "<" in text or "embedding:" in text else ():
            name = span.text.strip("<>").rpartition(":")[2].strip().casefold()
            if "embedding:" not in span.text or name not in known:
                found[shown(span.text, quoted=False)] = _WEIGHTS_GO
    if any(map(says_weights, texts)) and (kind := unweighing_painter(pipe.recipe)):
        found["the weight of words"] = (
            f"the text encoders of {kind} take none, and read the words without their marks"
        )
    return found


def _without_effect(pipe: Piped, request: Request) -> dict[str, str]:
    """Settings that other settings make meaningless."""
    settings, policy, found = request.settings, Policy.of(request.settings), dict[str, str]()
    if request.negative_prompt and _unguided(pipe.runner.chain, settings.guidance_scale):
        said = f"guidance_scale is {_plain(settings.guidance_scale)}, at which it has no effect"
        found["negative_prompt"] = f"{said}: set a guidance above 1, such as 2"
    if settings.temperature == 0:
        found |= dict.fromkeys(("top_k", "top_p"), "temperature is 0, which takes the likeliest token anyway")
    if not policy.prunes:
        found["keep"] = (
            f"all drafts are painted: ask for more candidates than the {policy.candidates} there are"
        )
    if policy.repairs and pipe.runner.aim is None:
        found["repairs"] = f"the painter of recipe {pipe.recipe.name} cannot paint over a part of a picture"
    return found


def _unguided(chain: Chain, scale: float | None) -> bool:
    """Whether a painter asks for one prediction alone: at 1, and pipelines of diffusers also below."""
    if scale is None or scale >= 1:
        return scale == 1
    return "scheduler" not in unread_by(chain)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
