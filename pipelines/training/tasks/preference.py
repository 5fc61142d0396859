"""Trains a drafter on what the captioner thinks of its own drafts (preference tuning).

Policy gradient on groups (GRPO, Shao et al. 2024, "DeepSeekMath"; advantages are not divided by their spread,
as in Liu et al. 2025, "Understanding R1-Zero-Like Training"): several drafts of each prompt are drawn by the
stage that draws them in the chain, and scored by what was asked, by the stage that judges them there. The
tokens of those that are better than their group become likelier, those of worse ones less likely, and a
Kullback-Leibler term holds the drafter near what it began as. Each draft teaches once, so nothing needs to be
clipped.

Whether it draws better then is for the inspector to say, which takes no part: `diptych evaluate`.
"""

import copy
import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ....engine.errors import InputError
from ....engine.models.language.causal_lm import ImageTokenModel, text_ids
from ....engine.models.registry import Registry
from ....engine.models.vision.captioner import Captioner
from ....engine.randomness import derive_seed
from ....engine.stage import ModelKey, RunContext
from ....engine.stages.drafting.draft import DraftStage
from ....engine.stages.judging.judge import JudgeStage
from ....engine.values import Draft, Fact, Picture, Plan, Request, Settings
from ...sheets.sample_sheet import COUNT, Column
from ..data.source import TrainingData, indices_of
from ..loop.placement import copy_on, in_float32
from ..loop.weights import save_transformers

FAMILIES = {"drafter": "image-token-lm", "tokenizer": "image-tokenizer", "captioner": "image-text-to-text"}
"""What is read of a folder of shipped weights."""

LEAST_SPREAD = 0.02  # of the scores in a group, between the best and the worst: below it nothing is learnt
MAX_TEMPERATURE = 5.0


class PreferenceTask:
    """A drafter that goes on from a folder of shipped weights, whose captioner scores what it draws.

    Args:
        weights: the folder, see `FAMILIES`.
        candidates: drafts of each prompt, at least two.
        temperature: at which they are drawn; the drafter is trained as what it is at this temperature.
        divergence: what a nat by which a whole draft has become likelier or less likely costs, in score.

    Raises:
        InputError: the folder lacks one of the models, or they do not go together.
        CheckpointError: one of them cannot be loaded.
    """

    name = "preference"

    def __init__(
        self,
        data: TrainingData,
        weights: Path,
        *,
        candidates: int = 8,
        temperature: float = 1.0,
        divergence: float = 0.05,
        seed: int = 0,
    ) -> None:
        assert candidates > 1, (
            "candidates = 1: with nothing to compare it with, no draft is better than another"
        )
        assert temperature > 0, "temperature = 0: then all drafts of a prompt are the same"
        assert temperature <= MAX_TEMPERATURE, f"temperature = {temperature}: is at most {MAX_TEMPERATURE:g}"
        self.data, self.seed = data, seed
        self.candidates, self.temperature, self.divergence = candidates, temperature, divergence
        self._keys = keys_of(weights)
        registry = Registry()
        self.before: ImageTokenModel = registry.load(self._keys["drafter"], "cpu")
        self.codebook = registry.load(self._keys["tokenizer"], "cpu")
        self.captioner = registry.load(self._keys["captioner"], "cpu")
        if self.before.codebook != self.codebook.codebook or self.before.grid != self.codebook.grid:
            raise InputError(f"{weights}: its drafter writes tokens of another tokenizer than its own")
        if not isinstance(self.captioner, Captioner):
            raise InputError(f"{weights / 'captioner'}: was not trained to answer facts: name other weights")
        self.drafter = dataclasses.replace(self.before, model=copy.deepcopy(self.before.model))
        self.model: Any = self.drafter.model.requires_grad_(True)

    def batch(self, step: int, size: int) -> list[Plan]:
        """`size` prompts of the training data's pictures, each as often as it is drafted."""
        indices = indices_of(step, size, count=self.data.count, seed=self.seed, what=self.name)
        return [
            self._plan(scene, seed=derive_seed(self.seed, step * size + i), candidate=candidate)
            for i, scene in enumerate(self.data.scenes(indices))
            for candidate in range(self.candidates)
        ]

    def loss(self, batch: Sequence[Plan]) -> dict[str, torch.Tensor]:
        """The policy gradient's loss, with the drafts' mean score and how far the drafter has come from what it
        was, in nats a token."""
        drafts = self.drafted(batch, self.drafter)
        scores = torch.tensor(self.scored(drafts)).view(-1, self.candidates)
        telling = scores.amax(1, keepdim=True) - scores.amin(1, keepdim=True) > LEAST_SPREAD
        advantages = ((scores - scores.mean(1, keepdim=True)) * telling).flatten()
        likely, distance = self.compared(drafts)
        gains = advantages.to(likely.device) * likely.mean(1)
        return {
            "loss": (self.divergence * distance - gains).mean(),
            "score": scores.mean().to(likely.device),
            "divergence": distance.detach().mean(),
        }

    def show(self) -> list[Column]:
        """Drafts of held-out prompts; below them what the drafter drew, with the same draws, when it began."""
        data = self.data.held_out()
        plans = [self._plan(scene, seed=i) for i, scene in enumerate(data.scenes(range(COUNT)))]
        now, before = (self.drafted(plans, drafter) for drafter in (self.drafter, self.before))
        return [
            ((new.preview, old.preview), plan.prompt) for new, old, plan in zip(now, before, plans, strict=True)
        ]

    def save(self, folder: Path) -> None:
        save_transformers(self.model, folder, self.drafter.tokenizer)

    def _plan(self, scene: Any, *, seed: int, candidate: int = 0) -> Plan:
        settings = Settings(temperature=self.temperature, top_k=0, top_p=1.0)
        prompt = self.data.prompt_of(scene)
        facts = tuple(Fact(kind=kind, text=text) for kind, text in self.data.facts_of(scene))  # type: ignore[arg-type]
        request = Request(prompt=prompt, seed=seed, candidate=candidate, settings=settings)
        return Plan(request=request, prompt=prompt, facts=facts)

    def drafted(self, plans: Sequence[Plan], drafter: ImageTokenModel) -> list[Draft]:
        """Drafts of the plans as the chain makes them, with this drafter's weights."""
        device, (model, codebook) = self.drafter.device, (self._keys["drafter"], self._keys["tokenizer"])
        drafter = dataclasses.replace(drafter, model=copy_on(device, drafter.model))
        models = {model: drafter, codebook: copy_on(device, self.codebook)}
        with in_float32(device):
            return DraftStage(model=model, codebook=codebook).run(plans, models, RunContext())

    def scored(self, drafts: Sequence[Draft]) -> list[float]:
        """The loop's own score of each draft: the probability that it shows all that was asked."""
        device, key = self.drafter.device, self._keys["captioner"]
        models = {key: dataclasses.replace(self.captioner, model=copy_on(device, self.captioner.model))}
        seen = [Picture(pixels=each.preview, plan=each.plan, draft=each, is_preview=True) for each in drafts]
        with in_float32(device):
            verdicts = JudgeStage(model=key).run(seen, models, RunContext())
        return [verdict.score for verdict in verdicts]

    def compared(self, drafts: Sequence[Draft]) -> tuple[torch.Tensor, torch.Tensor]:
        """How likely the tokens are now, log-probabilities (b, s), and an estimate of the divergence from how
        likely they were, in nats a token, (b,): k3 of Schulman 2020, "Approximating KL Divergence"."""
        likely = self.token_log_probs(self.drafter.model, drafts)
        with torch.no_grad():
            was = self.token_log_probs(copy_on(self.drafter.device, self.before.model), drafts)
        ratio = was - likely
        return likely, (ratio.exp() - 1 - ratio).mean(1)

    def token_log_probs(self, model: Any, drafts: Sequence[Draft]) -> torch.Tensor:
        """Of the drafts' tokens after the prompt and those before them, at the temperature: (b, s)."""
        drafter = self.drafter
        prefixes = [
            [*text_ids(drafter.tokenizer, each.plan.prompt, drafter.text_length), drafter.start]
            for each in drafts
        ]
        tokens = torch.stack([each.tokens.flatten() for each in drafts]).to(drafter.device)
        text = torch.tensor(prefixes, device=drafter.device)
        ids = torch.cat([text, tokens[:, :-1] + drafter.offset], 1)
        logits = model(input_ids=ids, use_cache=False, logits_to_keep=tokens.shape[1]).logits
        logits = logits[..., drafter.legal].float() / self.temperature
        return logits.log_softmax(-1).gather(2, tokens[..., None])[..., 0]


def keys_of(weights: Path) -> dict[str, ModelKey]:
    """The models of `FAMILIES` in a folder of shipped weights, by name.

    Raises:
        InputError: one of them is not there.
    """
    for name in FAMILIES:
        if not (weights / name / "config.json").is_file():
            raise InputError(f"{weights}: holds no {name}: --start-from takes a folder of shipped weights")
    return {name: ModelKey(family, str(weights / name)) for name, family in FAMILIES.items()}


def fingerprint(weights: Path) -> str:
    """Sixteen hex digits that name the models which a tuning rests on, wherever their folder lies.

    Raises:
        InputError: see `keys_of`.
    """
    digest = hashlib.sha256()
    for key in keys_of(weights).values():
        for path in sorted(Path(key.checkpoint).glob("*.safetensors")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
