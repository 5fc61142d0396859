"""How often a storyboard's hero keeps kind and colour, in the inspector's eyes.

Random heroes, each in ten scenes: one in each setting, in three of them with somebody else of the cast.

    hero_kept             share of the panels in which the hero's kind is seen in the hero's colour
    hero_kept_alone       the same, of the panels that the hero has to himself
    hero_kept_without     the same as the first, by one plain prompt a panel: no cast, no loop
"""

import random
from collections.abc import Sequence

from ..engine.values import Outcome
from ..pipelines.evaluation.figures import Share
from ..pipelines.evaluation.inspector import Inspector
from ..pipelines.pocket.world import COLOURS, KINDS, SETTINGS
from ..pipelines.pocket.world.words import SETTING_WORDS, an
from ..pipelines.storyboard import Storyboard, with_cast
from .harness.options import Options
from .harness.report import Report, table

SCENES = len(SETTINGS)
WITH_OTHERS = (2, 5, 8)  # scenes that the hero shares
Pair = tuple[str, str]  # kind, colour


def measure(options: Options) -> Report:
    """Heeds recipe, device, prompts (panels, ten a hero) and inspector."""
    storyboard = Storyboard.from_recipe(options.recipe, device=options.device)
    inspector = Inspector.from_checkpoint(options.inspector)
    kept: list[bool] = []
    alone: list[bool] = []
    without: list[bool] = []
    seen: list[str] = []
    for i in range(-(-options.prompts // SCENES)):
        cast, (kind, colour) = cast_of(i)
        wanted = min(SCENES, options.prompts - len(kept))
        scenes = scenes_of(i)[:wanted]
        story = storyboard(scenes, cast=cast, seed=i)
        plain = storyboard.pipe(
            [with_cast(scene, cast) for scene in scenes], seed=i, candidates=1, keep=1, rounds=1, repairs=0
        )
        kept += (found := in_panels(inspector, story.outcomes, wanted, (kind, colour)))
        alone += [each for place, each in enumerate(found) if place not in WITH_OTHERS]
        without += in_panels(inspector, plain.outcomes, wanted, (kind, colour))
        seen.append(f"{colour} {kind}: {sum(found)} of {wanted}")
        options.say(seen[-1])
    shares = {"hero_kept": kept, "hero_kept_alone": alone, "hero_kept_without": without}
    found_shares = {name: Share.of_truths(truths) for name, truths in shares.items()}
    shown = table("", "share")
    for name, share in found_shares.items():
        shown.add_row(name, str(share))
    return Report(
        name="storyboard",
        figures={name: share.value for name, share in found_shares.items()},
        details={**options.chosen(), "heroes": seen, **{n: s.to_json() for n, s in found_shares.items()}},
        tables={"the hero in the panels": shown},
    )


def cast_of(index: int) -> tuple[dict[str, str], Pair]:
    """A random hero and friend that differ in kind and colour; and the hero's kind and colour."""
    rng = random.Random(f"storyboard/{index}")
    kinds, colours = rng.sample(KINDS, 2), rng.sample(list(COLOURS), 2)
    phrases = [an(f"{colour} {kind}") for colour, kind in zip(colours, kinds, strict=True)]
    return {"Mia": phrases[0], "Bo": phrases[1]}, (kinds[0], colours[0])


def scenes_of(index: int) -> list[str]:
    """Ten scenes with the hero, one in each setting, in random order."""
    settings = random.Random(f"scenes/{index}").sample(SETTINGS, SCENES)
    places = [SETTING_WORDS[setting][0] for setting in settings]
    return [f"Mia and Bo, {where}" if i in WITH_OTHERS else f"Mia, {where}" for i, where in enumerate(places)]


def in_panels(inspector: Inspector, outcomes: Sequence[Outcome], count: int, hero: Pair) -> list[bool]:
    """Of each panel, whether the hero is seen; one that failed has none."""
    by_row = {outcome.request.row: outcome.picture.pixels for outcome in outcomes}
    found = [False] * count
    for row, pixels in by_row.items():
        (sighting,) = inspector.look(pixels[None])
        found[row - 1] = sighting.pairs[hero] > 0
    return found
