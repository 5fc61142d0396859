"""Interpolate: the way from one prompt or seed to the next, as frames of an animation.

    film = Interpolate.from_recipe("pocket")(["a red boat at sunset", "a blue boat at night"], frames=24)
    film.save("boats.gif")

Pictures of it: `examples/README.md`.
"""

from collections.abc import Sequence
from typing import Unpack

from ..engine.errors import InputError
from ..engine.values import Draft, Outcome, Picture
from ..engine.values.setting import whole_number
from ..engine.watch import Watcher
from .calls.call import Call, prompts_of
from .calls.keywords import FrameOptions
from .calls.signature import spelled_out
from .sheets.animation import Animation
from .workflow import Workflow

MAX_FRAMES = 1000


class Interpolate(Workflow):
    """Pictures between pictures. Needs a recipe that drafts, and whose refiner reads draft tokens."""

    @spelled_out
    def __call__(
        self,
        prompt: str | Sequence[str],
        *,
        seed: int | Sequence[int] | None = None,
        frames: int = 16,
        **call: Unpack[FrameOptions],
    ) -> Animation:
        """Frames from the first prompt, or seed, to the last, evenly spaced over all of the way.

        Args:
            prompt: one for each stop of the way, or one for all of them.
            seed: likewise.
            frames: in all, the stops included; at least as many as there are stops.
            call: as `TextToImage`'s.

        Raises:
            InputError: fewer than two stops, too few or too many frames, a prompt or setting that is wrong.
            DiptychError: a stop or a frame could not be made.
        """
        said = Call.of({**call, "seed": seed}, known=("frames",), one_each=True)
        watch = said.watcher(self)
        stops = _stops(prompts_of(prompt), said.seed)
        if not len(stops) <= whole_number("frames", frames) <= MAX_FRAMES:
            raise InputError(f"frames = {frames}: must lie between {len(stops)}, the stops, and {MAX_FRAMES}")
        requests = [
            self.pipe.request(text, seed=each, row=row, **said.wishes)
            for row, (text, each) in enumerate(stops, start=1)
        ]
        drafts = [_draft(end) for end in self.outcomes(requests, watch, wishes=said.wishes)]
        return Animation(self._frames(drafts, frames, watch), output_type=said.output_type)

    def _frames(self, stops: Sequence[Draft], count: int, watch: Watcher | None) -> tuple[Outcome, ...]:
        from ..engine.stages.painting.morph import Between, MorphStage

        refiner = next((s for s in self.pipe.recipe.stages.values() if s.name == "refine"), None)
        if refiner is None:
            raise InputError(f"recipe {self.pipe.recipe.name}: has no stage 'refine', which paints the frames")
        way: list[Between] = []
        for i in range(count):
            place = i * (len(stops) - 1) / (count - 1)
            leg = min(int(place), len(stops) - 2)
            way.append(Between(first=stops[leg], second=stops[leg + 1], share=place - leg))
        judge = self.judge
        painted = self.done(MorphStage(model=refiner.model), way, watch)
        pictures: list[Picture] = [each.value for each in painted]
        verdicts = self.done(judge, pictures, watch)
        return tuple(
            self.outcome(picture.plan, picture, verdict.value, morph=frame.seconds, judge=verdict.seconds)
            for picture, frame, verdict in zip(pictures, painted, verdicts, strict=True)
            if picture.plan is not None
        )


def _stops(prompt: str | Sequence[str], seed: int | list[int]) -> list[tuple[str, int]]:
    prompts = [prompt] if isinstance(prompt, str) else list(prompt)
    seeds = [seed] if isinstance(seed, int) else list(seed)
    count = max(len(prompts), len(seeds))
    if count < 2 or not prompts or not seeds:
        raise InputError("there is no way from one picture to itself: give two prompts, or two seeds")
    if any(len(each) not in (1, count) for each in (prompts, seeds)):
        raise InputError(f"{len(prompts)} prompts and {len(seeds)} seeds: give as many of one as of the other")
    return list(zip(prompts * (count // len(prompts)), seeds * (count // len(seeds)), strict=True))


def _draft(end: Outcome) -> Draft:
    if end.draft is None:
        raise InputError("this recipe has no drafts to go between: choose one with a stage 'draft'")
    return end.draft
