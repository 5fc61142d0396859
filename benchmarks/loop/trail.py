"""Trails: every candidate of a prompt painted and judged; the result of smaller loops is read off them.

Which candidates are drafted, painted and chosen depends on nothing but draws and scores, and a candidate's
draws are the same however many others there are. So the outcome of k candidates, all painted or pruned to m by
their previews, is that of `engine/loop` applied to the first k of a longer trail, and need not be rendered
again: to rounding, and in the deterministic mode to the bit. The seconds of such a loop are put together from
those of the trail's stages.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ...engine import loop
from ...engine.chain import PREVIEW
from ...engine.loop import Policy
from ...engine.microbatch import Done, run_stage
from ...engine.values import Candidate, Draft, Outcome, Picture, Plan, Settings, Verdict
from ...pipelines.evaluation.alignment import Look
from ...pipelines.evaluation.inspector import Sighting
from ...pipelines.pocket.world import Scene, prompt_of
from ...pipelines.text_to_image import TextToImage


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trail:
    """All candidates of one prompt, without their pixels.

    Args:
        candidates: in order; none where the prompt failed. All that have a draft have a `preview_verdict`.
        seen: what the inspector sees in each one's picture; `None` where it was not finished.
        seconds: by stage, all candidates together.
    """

    scene: Scene
    candidates: Sequence[Candidate] = ()
    seen: Sequence[Sighting | None] = ()
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def chosen(self, policy: Policy) -> Sighting | None:
        """What the picture shows that the loop would have come out with; `None` if there is none."""
        drafted = self.candidates[: policy.candidates]
        kept = loop.prune(policy, drafted) if policy.prunes else drafted
        best = loop.best_of([candidate for candidate in kept if not candidate.reason])
        return None if best is None else self.seen[best.index]


def policy_of(candidates: int, keep: int | None = None) -> Policy:
    """One round of so many candidates; all are painted unless `keep` says fewer."""
    return Policy.of(Settings(candidates=candidates, keep=keep))


def render_trails(
    pipe: TextToImage, look: Look, scenes: Sequence[Scene], *, candidates: int, temperature: float | None = None
) -> list[Trail]:
    """Paint and judge so many candidates of the full wording of each scene, and judge their previews too."""
    trails = [Trail(scene=scene) for scene in scenes]
    prompts = [prompt_of(scene) for scene in scenes]
    settings: dict[str, Any] = {"candidates": candidates, "keep": candidates, "rounds": 1, "repairs": 0}
    for result in pipe.stream(prompts, temperature=temperature, **settings):
        if isinstance(result, Outcome):
            place = result.request.row - 1
            trails[place] = _trail(pipe, look, scenes[place], result)
    return trails


def seconds_of(pipe: TextToImage, trails: Sequence[Trail], policy: Policy) -> float:
    """Seconds a prompt that a loop of `policy` takes, put together; NaN if nothing was rendered."""
    chain = pipe.runner.chain
    drafting = {stage.name for stage in chain.between(Plan, Draft)}
    painting = {stage.name for stage in chain.between(Plan, Verdict)} - drafting
    times = {stage.name: 1 for stage in chain.until(Plan)}  # how often each stage works for one prompt
    times |= dict.fromkeys(drafting, policy.candidates) | dict.fromkeys(painting, policy.keep)
    times[PREVIEW] = policy.candidates if policy.prunes and drafting else 0
    rows = []
    for trail in trails:
        if count := len(trail.candidates):
            worked = {
                name: 1 if name not in drafting | painting | {PREVIEW} else count for name in trail.seconds
            }
            rows.append(sum(s * times[name] / worked[name] for name, s in trail.seconds.items()))
    return sum(rows) / len(rows) if rows else float("nan")


def _trail(pipe: TextToImage, look: Look, scene: Scene, outcome: Outcome) -> Trail:
    seen = [
        look(each.picture.pixels[None])[0] if each.picture and each.verdict else None for each in outcome.trail
    ]
    drafted = [each for each in outcome.trail if each.draft is not None]
    verdicts, seconds = _judge_previews(pipe, drafted)
    light = [
        dataclasses.replace(each, draft=None, picture=None, reason="", preview_verdict=verdicts.get(each.index))
        for each in outcome.trail
    ]
    return Trail(scene=scene, candidates=light, seen=seen, seconds={**outcome.timings, PREVIEW: seconds})


def _judge_previews(pipe: TextToImage, drafted: Sequence[Candidate]) -> tuple[dict[int, Verdict], float]:
    """As the runner does before pruning: verdicts by candidate, of those that could be judged; seconds."""
    values = {
        each.index: Picture(pixels=each.draft.preview, plan=each.plan, draft=each.draft, is_preview=True)
        for each in drafted
        if each.draft is not None
    }
    runner, seconds = pipe.runner, 0.0
    for stage in runner.chain.between(Picture, Verdict):
        done = run_stage(
            stage, list(values.values()), memory=runner.memory, batching=runner.batching, label=PREVIEW
        )
        pairs = [(i, each) for i, each in zip(values, done, strict=True) if isinstance(each, Done)]
        values = {i: each.value for i, each in pairs}
        seconds += sum(each.seconds for _, each in pairs)
    return values, seconds  # type: ignore[return-value]
