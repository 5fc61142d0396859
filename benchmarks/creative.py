"""Creative control: whether what is named changes, and what is not stays as it is.

Pictures that the engine made of held-out scenes, in which the inspector sees a thing; each is inpainted by that
thing's name, to show one of another kind and colour in its place.

    named_changed         share of pictures in which, after that, the inspector sees the new thing in its colour
                          and none of the old kind, and the captioner finds the new words likelier than the old
    by_inspector          the same, asked of the inspector alone
    by_captioner          the same, asked of the captioner alone
    outside_identical     share in which every pixel outside of the mask is the same
    mask_share            mean share of the picture that the mask covers
    variation_nought      share of variations of 0 that are the original's bytes
    variation_whole       share of variations of 1 whose tokens are those of a fresh draft of the plan
    refused_in_one_line   share of wrong inputs that are refused in one line
"""

import dataclasses
import random
from collections.abc import Callable, Sequence
from typing import Any

import PIL.Image
import torch

from ..engine.errors import InputError
from ..engine.randomness import derive_seed
from ..engine.values import Outcome
from ..engine.values.start import Start
from ..pipelines.editing.image_to_image import ImageToImage
from ..pipelines.editing.inpaint import Inpaint
from ..pipelines.editing.variations import Variations
from ..pipelines.evaluation.figures import Share
from ..pipelines.evaluation.inspector import Inspector
from ..pipelines.picture_judge import PictureJudge
from ..pipelines.pocket.world import COLOURS, KINDS, Scene, prompt_of
from ..pipelines.text_to_image import TextToImage
from ..pipelines.training.data.source import scene_of
from .harness.options import Options
from .harness.report import Report, table

ARRANGEMENTS = ("alone", "side by side")
CANDIDATES = 4  # of each inpainted picture; the loop keeps the best
SPARE = 1.3  # originals made for each that is wanted: in some of them the thing is not to be seen
VARIED = 4  # originals that variations are made of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """A picture, the thing in it that is named, and what should take its place."""

    scene: Scene
    wish: Scene
    original: Outcome

    @property
    def name(self) -> str:
        return self.scene.things[0].kind


def measure(options: Options) -> Report:
    """Heeds recipe, device, prompts (trials) and inspector."""
    pipe = TextToImage.from_recipe(options.recipe, device=options.device)
    inspector = Inspector.from_checkpoint(options.inspector)
    trials = _trials(pipe, inspector, options)
    truths, mask_share = _inpainted(pipe, inspector, trials, options)
    truths |= _varied(pipe, [trial.original for trial in trials[:VARIED]])
    truths["refused_in_one_line"] = _refused(pipe, trials[0].original)
    shares = {name: Share.of_truths(values) for name, values in truths.items()}
    shown = table("", "share")
    for name, share in shares.items():
        shown.add_row(name, str(share))
    return Report(
        name="creative",
        figures={**{name: share.value for name, share in shares.items()}, "mask_share": mask_share},
        details={**options.chosen(), **{name: share.to_json() for name, share in shares.items()}},
        tables={"what is named changes, what is not stays": shown},
    )


def _trials(pipe: TextToImage, inspector: Inspector, options: Options) -> list[Trial]:
    """As many as are asked for, of pictures in which the inspector sees the thing in its colour."""
    rows = range(round(SPARE * options.prompts) + 1)
    scenes = [scene_of("held-out", i, ARRANGEMENTS[i % 2], style="flat") for i in rows]
    options.say(f"{len(scenes)} originals")
    found: list[Trial] = []
    for outcome in pipe([prompt_of(scene) for scene in scenes], seed=1, candidates=2).outcomes:
        scene = scenes[outcome.request.row - 1]
        thing = scene.things[0]
        (sighting,) = inspector.look(outcome.picture.pixels[None])
        if sighting.pairs[thing.kind, thing.colour]:
            found.append(Trial(scene=scene, wish=_wish(scene, outcome.request.row), original=outcome))
    if not found:
        raise InputError("the inspector sees none of the things: name more trials with --prompts")
    return found[: options.prompts]


def _wish(scene: Scene, row: int) -> Scene:
    """The scene with a random other thing in place of the first."""
    rng = random.Random(f"creative/{row}")
    kinds, colours = {thing.kind for thing in scene.things}, {thing.colour for thing in scene.things}
    kind = rng.choice([kind for kind in KINDS if kind not in kinds])
    colour = rng.choice([colour for colour in COLOURS if colour not in colours])
    other = dataclasses.replace(scene.things[0], kind=kind, colour=colour)
    return dataclasses.replace(scene, things=(other, *scene.things[1:]))


def _inpainted(
    pipe: TextToImage, inspector: Inspector, trials: Sequence[Trial], options: Options
) -> tuple[dict[str, list[bool]], float]:
    paint, judge = Inpaint.from_pipe(pipe), _judge(pipe)
    options.say(f"{len(trials)} things looked for by their names, and painted over")
    requests, missing = [], 0
    for row, trial in enumerate(trials, start=1):
        try:
            wishes: dict[str, Any] = {"mask_image": trial.name, "candidates": CANDIDATES}
            request = paint.request(prompt_of(trial.wish), image=trial.original, seed=row, row=row, **wishes)
            requests.append(request)
        except InputError as error:
            options.say(f"trial {row}: {error}")
            missing += 1
    names = ("named_changed", "by_inspector", "by_captioner")
    truths: dict[str, list[bool]] = {name: [False] * missing for name in names}
    truths["outside_identical"], masks = [], []
    for outcome in paint.result(requests).outcomes:
        trial = trials[outcome.request.row - 1]
        mask = _mask(outcome)
        (sighting,) = inspector.look(outcome.picture.pixels[None])
        new, old = trial.wish.things[0], trial.scene.things[0]
        kinds = {thing.kind for thing in sighting.things}
        seen = sighting.pairs[new.kind, new.colour] > 0 and old.kind not in kinds
        likelier = outcome.verdict.score > judge.score(outcome.image, prompt_of(trial.scene)).score
        for name, truth in zip(names, (seen and likelier, seen, likelier), strict=True):
            truths[name].append(truth)
        same = (outcome.picture.pixels == trial.original.picture.pixels).all(-1)
        truths["outside_identical"].append(bool(same[~mask].all()))
        masks.append(float(mask.float().mean()))
    return truths, sum(masks) / max(1, len(masks))


def _varied(pipe: TextToImage, originals: Sequence[Outcome]) -> dict[str, list[bool]]:
    vary = Variations.from_pipe(pipe)
    nought: list[bool] = []
    whole: list[bool] = []
    for original in originals:
        (same,) = vary.of(original, variation=0.0, seed=5).outcomes
        nought.append(torch.equal(same.picture.pixels, original.picture.pixels))
        (other,) = vary.of(original, variation=1.0, seed=5).outcomes
        start = Start(wording=vary.source_image(original).wording)
        request = pipe.request(original.request.prompt, seed=derive_seed(5, 1), start=start)
        (fresh,) = vary.result([request]).outcomes
        assert other.draft is not None and fresh.draft is not None, "the recipe drafts"
        whole.append(torch.equal(other.draft.tokens, fresh.draft.tokens))
    return {"variation_nought": nought, "variation_whole": whole}


def _refused(pipe: TextToImage, original: Outcome) -> list[bool]:
    """Each wrong input: whether it is refused, and in one line."""
    paint, again = Inpaint.from_pipe(pipe), ImageToImage.from_pipe(pipe)
    small = PIL.Image.new("L", (9, 9), 255)
    wrong: list[Callable[[], object]] = [
        lambda: paint("a cat", image=original, mask_image=small),
        lambda: paint("a cat", image=original, mask_image="zebra"),
        lambda: paint("a cat", image=original, mask_image=(0, 0, 10_000, 9)),
        lambda: again("a cat", image=original, strength=7),
        lambda: again("a cat", image=__file__),
    ]
    return [_refuses(call) for call in wrong]


def _refuses(call: Callable[[], object]) -> bool:
    try:
        call()
    except InputError as error:
        return "\n" not in str(error)
    return False


def _judge(pipe: TextToImage) -> PictureJudge:
    return PictureJudge.of_chain(pipe.runner.chain, pipe.runner.memory)


def _mask(outcome: Outcome) -> torch.Tensor:
    start = outcome.request.start
    assert start is not None and start.mask is not None, "what is inpainted has a mask"
    return start.mask
