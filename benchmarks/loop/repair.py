"""Loops that repair their best picture: what they reach, what repairs break, and what else the time buys."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from ...engine.values import Candidate, Outcome
from ...pipelines.evaluation.alignment import Look
from ...pipelines.evaluation.figures import Measure, Share
from ...pipelines.evaluation.inspector import Sighting
from ...pipelines.pocket.world import Scene, prompt_of
from ...pipelines.text_to_image import TextToImage
from ..harness.report import number, table
from .alignment import Point, point
from .atoms import atoms_right


@dataclasses.dataclass(frozen=True)
class Mending:
    """One repair of a picture: which of the prompt's atoms were right before, and after, in the same order."""

    before: Sequence[bool]
    after: Sequence[bool]
    taken: bool  # as the best of the request


@dataclasses.dataclass(frozen=True, kw_only=True)
class Repaired:
    """What loops with repairs come to.

    Args:
        mendings: all repairs that were finished.
        prompts: of which something was repaired.
    """

    point: Point
    mendings: Sequence[Mending]
    prompts: Share

    @property
    def broken(self) -> Share:
        """Atoms that were right and are so no more, of those that were right: of all repairs."""
        return _lost(self.mendings, was=True)

    @property
    def broken_where_taken(self) -> Share:
        """The same of the repairs that the loop took: what reaches people."""
        return _lost([each for each in self.mendings if each.taken], was=True)

    @property
    def mended(self) -> Share:
        """Atoms that were wrong and are right, of those that were wrong: of all repairs."""
        return _lost(self.mendings, was=False)

    def to_json(self) -> dict[str, Any]:
        shares = ("broken", "broken_where_taken", "mended")
        shares_json = {name: getattr(self, name).to_json() for name in shares}
        return {"repairs": len(self.mendings), "prompts_repaired": self.prompts.to_json(), **shares_json}


@dataclasses.dataclass(frozen=True, kw_only=True)
class AtEqualTime:
    """Loops with repairs against the rival that has about their time, and not less where there is one.

    Args:
        slower: the rival takes at least as long; if not, there was none so slow, and repairs have more time.
        whole_prompts, atoms: by how much repairs are above it; prompts are resampled together.
    """

    repaired: Point
    rival: Point
    slower: bool

    @property
    def whole_prompts(self) -> Measure:
        return self.repaired.whole_over(self.rival)

    @property
    def atoms(self) -> Measure:
        return self.repaired.atoms_over(self.rival)

    def to_json(self) -> dict[str, Any]:
        return {
            "rival": self.rival.name,
            "seconds": self.repaired.seconds,
            "rival_seconds": self.rival.seconds,
            "rival_is_as_slow": self.slower,
            "whole_prompts": self.whole_prompts.to_json(),
            "atoms": self.atoms.to_json(),
            "alignment": self.repaired.over(self.rival).to_json(),
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Repairs:
    """Several settings with repairs, each with its rival; the first is the figures'."""

    mended: Sequence[Repaired]
    against: Sequence[AtEqualTime]

    @property
    def figures(self) -> dict[str, Any]:
        broken = self.mended[0].broken
        minus = 100 * self.against[0].whole_prompts.value
        return {"repair_minus_pruned": minus, "repair_broken": broken.value if broken.of else None}

    @property
    def notes(self) -> list[str]:
        """Where a comparison is in repairs' favour."""
        return [
            f"{each.repaired.name}: nothing pruned takes as long; {each.rival.name} is compared, and is quicker"
            for each in self.against
            if not each.slower
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            each.point.name: {**each.to_json(), "at_equal_time": rival.to_json()}
            for each, rival in zip(self.mended, self.against, strict=True)
        }

    def table(self) -> Table:
        """For people, in percent and points."""
        shown = table("setting", "rival in time", "whole prompts", "atoms", "repairs", "mended", "broken")
        for each, rival in zip(self.mended, self.against, strict=True):
            over = [
                f"{100 * m.value:+.1f} ± {100 * m.half_width:.1f}" for m in (rival.whole_prompts, rival.atoms)
            ]
            shares = [number(share.value if share.of else None, 3) for share in (each.mended, each.broken)]
            shown.add_row(each.point.name, rival.rival.name, *over, str(len(each.mendings)), *shares)
        return shown


def at_equal_time(repaired: Point, rivals: Sequence[Point]) -> AtEqualTime:
    """Of the rivals the quickest that is not quicker than `repaired`; the slowest, where all are."""
    slower = [each for each in rivals if each.seconds >= repaired.seconds]
    nearest = sorted(slower or rivals, key=lambda each: each.seconds)
    rival = nearest[0] if slower else nearest[-1]
    return AtEqualTime(repaired=repaired, rival=rival, slower=bool(slower))


def render_repaired(
    pipe: TextToImage, look: Look, scenes: Sequence[Scene], *, name: str, **loop: Any
) -> Repaired:
    """Loops that really ran, one round each; what they come to depends on what their first pictures miss.

    Args:
        name: what the setting is called.
        loop: candidates, keep, repairs and temperature.
    """
    seen: list[Sighting | None] = [None] * len(scenes)
    seconds, mendings, repaired = 0.0, list[Mending](), 0
    prompts = [prompt_of(scene) for scene in scenes]
    for result in pipe.stream(prompts, rounds=1, **loop):
        if isinstance(result, Outcome):
            place = result.request.row - 1
            (seen[place],) = look(result.picture.pixels[None])
            found = _mendings(result, look, scenes[place])
            mendings += found
            repaired += bool(found)
            seconds += sum(result.timings.values())
    return Repaired(
        point=point(name, seconds / len(prompts), seen, scenes),
        mendings=mendings,
        prompts=Share(repaired, len(prompts)),
    )


def _mendings(outcome: Outcome, look: Look, scene: Scene) -> list[Mending]:
    by_index = {candidate.index: candidate for candidate in outcome.trail}
    found = []
    for candidate in outcome.trail:
        environment = by_index.get(candidate.repairs) if candidate.repairs is not None else None
        if environment is None or environment.picture is None or candidate.picture is None:
            continue
        before, after = (atoms_right(_seen(each, look), scene) for each in (environment, candidate))
        found.append(Mending(before, after, taken=candidate.index == outcome.best.index))
    return found


def _seen(candidate: Candidate, look: Look) -> Sighting:
    assert candidate.picture is not None, "only painted candidates are looked at"
    (seen,) = look(candidate.picture.pixels[None])
    return seen


def _lost(mendings: Sequence[Mending], *, was: bool) -> Share:
    """Of the atoms that were right, or were not, those that are the other way now."""
    pairs = [pair for each in mendings for pair in zip(each.before, each.after, strict=True)]
    return Share.of_truths(after is not was for before, after in pairs if before is was)
