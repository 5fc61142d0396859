"""Storyboard: one cast, kept the same over several scenes, on one page with captions.

    story = Storyboard.from_recipe("pocket")(
        ["Mia in a meadow", "Mia in the rain", "Mia at night"], cast={"Mia": "a red cat"}
    )
    story.page.save("story.png")

Pictures of it: `examples/README.md`.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from ..engine.errors import InputError
from ..engine.language.words.content import content_words
from ..engine.messages import shown
from ..engine.values import Fact, Plan, Request, Span, Wishes
from ..engine.values.fact import once
from ..engine.values.start import Start, Wording
from .calls.call import Call, prompts_of
from .calls.keywords import FrameOptions
from .calls.signature import spelled_out
from .render_result import RenderResult
from .sheets.grid import Labels, grid
from .workflow import Workflow

if TYPE_CHECKING:
    import PIL.Image

MAX_SCENES = 200
LOOP: Wishes = {"candidates": 4, "keep": 2}
"""How each panel is made, where a call says nothing else."""


@dataclasses.dataclass(frozen=True, repr=False)
class Story(RenderResult):
    """What came of a call: an outcome for each panel that could be made."""

    title: str = ""
    captions: tuple[str, ...] = ()

    @property
    def page(self) -> "PIL.Image.Image":
        """The panels in order, each above its caption, which says what was not drawn; a place is empty where
        one failed."""
        images, captions = self.captioned(self.captions)
        columns = next((n for n in (3, 4, 2) if len(images) % n == 0), min(3, len(images)))
        return grid(images, columns=columns, labels=Labels(title=self.title, captions=captions))


class Storyboard(Workflow):
    """Scenes with a cast. Whoever is named in a scene is in its plan, and asked for, so that the loop asks the
    captioner for them; all panels are drawn from one seed."""

    @spelled_out
    def __call__(
        self,
        scenes: Sequence[str],
        *,
        cast: Mapping[str, str],
        title: str = "",
        seed: int | None = None,
        **call: Unpack[FrameOptions],
    ) -> Story:
        """Make a panel of each scene.

        Args:
            scenes: in words, with the names of the cast: "Mia in the rain".
            cast: what each name stands for: {"Mia": "a red cat"}.
            title: of the page.
            seed: of all panels.
            call: as `TextToImage`'s; candidates and keep as `LOOP` says, if not given.

        Raises:
            InputError: no scenes, too many, or one with nothing in it; a name that no scene has.
            DiptychError: no panel could be made.
        """
        said = Call.of({**call, "seed": seed}, known=("scenes", "cast", "title"), one_each=True)
        seed, watch = said.one_seed, said.watcher(self)
        if isinstance(scenes := prompts_of(scenes, called="scenes"), str):
            scenes = [scenes]
        _check_cast(cast)
        if not 1 <= len(scenes) <= MAX_SCENES:
            raise InputError(f"{len(scenes)} scenes: a storyboard has 1 to {MAX_SCENES}")
        for name, phrase in cast.items():
            if not name.strip() or not phrase.strip():
                raise InputError(f"cast {name!r}: {phrase!r}: give a name, and what it stands for")
            if not any(_named(name).search(scene) for scene in scenes):
                raise InputError(f"cast {name!r}: is in no scene: name it in one, or leave it out")
        settings = {**LOOP, **said.wishes}
        requests = [
            self.pipe.request(with_cast(scene, cast), seed=seed, row=row, **settings)
            for row, scene in enumerate(scenes, start=1)
        ]
        ready = [
            _with_cast(request, plan, [cast[name] for name in cast if _named(name).search(scene)])
            for request, plan, scene in zip(requests, self.plans(requests, watch), scenes, strict=True)
        ]
        result = self.result(ready, watch, wishes=said.wishes)
        return Story(
            result.outcomes,
            result.failures,
            output_type=said.output_type,
            title=str(title),
            captions=tuple(scenes),
        )


def _check_cast(cast: object) -> None:
    """Raises InputError for what is no table of texts."""
    if not isinstance(cast, Mapping) or not all(
        isinstance(text, str) for pair in cast.items() for text in pair
    ):
        raise InputError(f"cast = {shown(cast)}: give names and what they stand for: {{'Mia': 'a red cat'}}")


def with_cast(scene: str, cast: Mapping[str, str]) -> str:
    """The scene with each name replaced by what it stands for."""
    if not cast:
        return scene
    names = sorted(cast, key=len, reverse=True)
    either = re.compile("|".join(_named(name).pattern for name in names))
    return either.sub(lambda found: cast[found[0]], scene)


def _named(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")


def _with_cast(request: Request, plan: Plan, phrases: Sequence[str]) -> Request:
    """The request with its plan made already: in the planner's words where they have all of the cast, and else
    in the scene's own. Each of the cast is asked for, by a fact of its own where none of the plan's says so."""
    lost = [phrase for phrase in phrases if not _is_asked(plan, phrase)]
    kept = all(_core(phrase) in plan.prompt.lower() for phrase in lost)
    wording = Wording(
        prompt=plan.prompt if kept else request.prompt,
        facts=once((*(Fact(kind="colour", text=phrase) for phrase in lost), *plan.facts)),
        left_out=plan.left_out,
    )
    return dataclasses.replace(request, start=Start(wording=wording))


def _is_asked(plan: Plan, phrase: str) -> bool:
    """Whether facts stand for what a phrase of the prompt says, but for what is left out by name."""
    asked = [fact.span for fact in plan.asked if fact.span is not None]
    spans = [*asked, *plan.left_out]
    start = plan.request.prompt.find(phrase)
    places = [(start + word.start, start + word.end) for word in content_words(phrase)]
    return (
        start >= 0
        and any(_within(place, asked) for place in places)
        and all(_within(place, spans) for place in places)
    )


def _within(place: tuple[int, int], spans: Sequence[Span]) -> bool:
    return any(span.start <= place[0] and place[1] <= span.end for span in spans)


def _core(phrase: str) -> str:
    """The phrase without its article."""
    return re.sub(r"^(an?|the)\s+", "", phrase.strip().lower())
