"""How many wishes come out as the same picture in eight languages.

Run as `python -m diptych.pipelines.evaluation.recalled.languages [COUNT [CHECKED]]`: so many wishes by lot,
each said in every language; of so many, pictures are made and compared, bit for bit.

*Spoken* wishes are scenes by lot of all kinds, with every detail said, by the tables that captions come from:
the words are those that are read. *Typed* ones were written by hand in each language, as people would, before
anyone had looked at what is made of them (`wishes.jsonl`): what the *first* of them showed was mended since,
and the *last* were counted once it was. A wish is the same if it has the same plan as in English; the plan
and the seed are all that a picture depends on.
"""

import collections
import json
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....engine.microbatch import Done, run_stage
from ....engine.values import Outcome, Plan, Request
from ...pocket.art import LANGUAGES, known_kinds, sample_scene
from ...pocket.art.captions import caption_of
from ...pocket.art.words import USUAL_STYLE, style_words
from ...text_to_image import TextToImage
from ..figures import Share

TYPED = Path(__file__).with_name("wishes.jsonl")
SETS = ("first", "last")
RECIPE = "atlas"
SEED = 0
PLAIN: dict[str, Any] = {"candidates": 1, "rounds": 1, "repairs": 0}

Wish = Mapping[str, str]
"""By language, what is said."""


def spoken(count: int) -> list[Wish]:
    """Scenes by lot of all kinds, each said whole in every language."""
    kinds, usual = known_kinds(), f", {style_words(USUAL_STYLE)[0]}"
    scenes = [sample_scene(random.Random(f"wishes/{i}"), kinds, (USUAL_STYLE,)) for i in range(count)]
    return [
        {
            language: caption_of(
                scene, kinds, random.Random(f"wishes/{i}/{language}"), language=language, whole=True
            ).removesuffix(usual)  # which English has at times
            for language in LANGUAGES
        }
        for i, scene in enumerate(scenes)
    ]


def typed(which: str) -> list[Wish]:
    """Those that were written by hand: the `first`, or the `last`."""
    rows = [json.loads(line) for line in TYPED.read_text(encoding="utf-8").splitlines()]
    return [{name: row[name] for name in LANGUAGES} for row in rows if row["set"] == which]


def plans_of(pipe: TextToImage, prompts: Sequence[str]) -> list[Plan | None]:
    """What a recipe's planner makes of prompts; `None` of one that it refuses."""
    values: list[Any] = [pipe.request(text, seed=SEED, row=i + 1, **PLAIN) for i, text in enumerate(prompts)]
    for stage in pipe.runner.chain.between(Request, Plan):
        there = [i for i, value in enumerate(values) if value is not None]
        results = run_stage(stage, [values[i] for i in there], memory=pipe.runner.memory)
        for i, result in zip(there, results, strict=True):
            values[i] = result.value if isinstance(result, Done) else None
    return values


def same_plans(plans: Mapping[str, Sequence[Plan | None]]) -> dict[str, list[bool]]:
    """By language, of each wish whether its plan is that of the English one."""
    english = plans[LANGUAGES[0]]
    return {
        language: [
            one is not None and other is not None and one.prompt == other.prompt
            for one, other in zip(english, plans[language], strict=True)
        ]
        for language in LANGUAGES[1:]
    }


def same_pictures(pipe: TextToImage, wishes: Sequence[Wish]) -> Share:
    """Of wishes that have one plan in all languages: how many come out as one picture, to the bit."""
    same = []
    for wish in wishes:
        requests = [pipe.request(wish[name], seed=SEED, row=i + 1, **PLAIN) for i, name in enumerate(LANGUAGES)]
        made = [np.asarray(each.image) for each in pipe.run(requests) if isinstance(each, Outcome)]
        same.append(len(made) == len(LANGUAGES) and all((each == made[0]).all() for each in made))
    return Share.of_truths(same)


def measured(pipe: TextToImage, name: str, wishes: Sequence[Wish], checked: int) -> None:
    """Print what comes of one set of wishes, and those that come out otherwise."""
    if not wishes:
        return
    plans = {language: plans_of(pipe, [wish[language] for wish in wishes]) for language in LANGUAGES}
    same = same_plans(plans)
    for language, truths in same.items():
        left = collections.Counter(
            word.text for plan in plans[language] for word in (plan.left_out if plan else ())
        )
        print(f"{name}, {language}: the same plan: {Share.of_truths(truths)}; left out: {left.total()} words")
        for wish, plan, truth in zip(wishes, plans[language], truths, strict=True):
            if not truth:
                print(f"  {wish[language]!r} | {wish['en']!r} | {plan.prompt if plan else 'refused'!r}")
    every = [truth for truths in same.values() for truth in truths]
    print(f"{name}, all languages: the same plan: {Share.of_truths(every)}")
    whole = [all(row) for row in zip(*same.values(), strict=True)]
    print(f"{name}, the same plan in all eight: {Share.of_truths(whole)}")
    chosen = [wish for wish, truth in zip(wishes, whole, strict=True) if truth][:checked]
    print(f"{name}, of such, the same picture: {same_pictures(pipe, chosen)}", flush=True)


def main(count: int = 200, checked: int = 5) -> None:
    pipe = TextToImage.from_recipe(RECIPE, deterministic=True)
    for name, wishes in (("spoken", spoken(count)), *((f"typed, {each}", typed(each)) for each in SETS)):
        measured(pipe, name, wishes, checked)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
