"""The pocket models as the stages are handed them, loaded once. No test depends on how good they are."""

from collections.abc import Callable
from typing import Any

import pytest

from diptych.engine.models.registry import Registry
from diptych.engine.stage import ModelKey, Models
from diptych.engine.values import Fact, Plan, Request, Settings

PLANNER = ModelKey("causal-lm", "pocket/planner")
DRAFTER = ModelKey("image-token-lm", "pocket/drafter")
CODEBOOK = ModelKey("image-tokenizer", "pocket/tokenizer")
REFINER = ModelKey("diffusers", "pocket/refiner")
CAPTIONER = ModelKey("image-text-to-text", "pocket/captioner")


@pytest.fixture(scope="session")
def load() -> Callable[..., Models]:
    """Loads pocket models, each once a session."""
    loaded: dict[ModelKey, Any] = {}

    def load(*keys: ModelKey) -> Models:
        for key in keys:
            if key not in loaded:
                loaded[key] = Registry().load(key, "cpu")
        return {key: loaded[key] for key in keys}

    return load


@pytest.fixture(scope="session")
def planner() -> ModelKey:
    return PLANNER


@pytest.fixture(scope="session")
def drafter() -> ModelKey:
    return DRAFTER


@pytest.fixture(scope="session")
def codebook() -> ModelKey:
    return CODEBOOK


@pytest.fixture(scope="session")
def refiner() -> ModelKey:
    return REFINER


@pytest.fixture(scope="session")
def captioner() -> ModelKey:
    return CAPTIONER


@pytest.fixture(scope="session")
def make_plan() -> Callable[..., Plan]:
    """Makes a Plan as the planner would."""

    def make(
        prompt: str = "a red boat in the middle, at sunset",
        *,
        seed: int = 0,
        candidate: int = 0,
        side: int = 256,
        width: int = 0,
        negative_prompt: str = "",
        **settings: Any,
    ) -> Plan:
        request = Request(
            prompt=prompt,
            seed=seed,
            candidate=candidate,
            height=side,
            width=width or side,
            negative_prompt=negative_prompt,
            settings=Settings(**settings),
        )
        facts = (Fact(kind="thing", text="a boat"), Fact(kind="colour", text="a red boat"))
        return Plan(request=request, prompt=prompt, facts=facts)

    return make
