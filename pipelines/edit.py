"""Edit: an instruction in words changes a picture's plan, and with it those tokens that must differ.

pipe = TextToImage.from_recipe("pocket")
boat = pipe("a red boat at sunset", seed=7).outcomes[0]
Edit.from_pipe(pipe)("make the boat blue", image=boat).images[0].save("blue.png")
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from ..engine.errors import InputError
from ..engine.fact import Fact
from ..engine.start import Start, Wording
from ..engine.values import Outcome, Request
from .instruction import Change, changed
from .locating import find_phrase, wording_of
from .originals import Original
from .starting import StartingPipeline
from .text_to_image import Wishes

if TYPE_CHECKING:
    import PIL.Image

STRENGTH = 0.5  # of what is kept in another setting
PLANNER, WORDS = "causal-lm", "words.json"  # the family of planners; beside one that knows a few words only
INSTRUCTIONS = (
    "You are given the description of a picture, and a change that is wanted. Write the description of the"
    " changed picture: one full sentence, the same words where nothing changes. Then list the facts that the"
    " changed picture must show."
)


class Edit(StartingPipeline):
    """Where a thing changes, its tokens are drawn anew, and nothing else changes, byte for byte. Where the
    setting does, the tokens are kept that are as likely as they were, those of things for the most part. Where
    the style does, all are drawn anew, after the same plan."""

    def request(
        self,
        prompt: str,
        *,
        image: "PIL.Image.Image | str | Path | Outcome | Original",
        shows: str = "",
        seed: int = 0,
        row: int = 0,
        **wishes: Unpack[Wishes],
    ) -> Request:
        """The request for one picture; arguments and errors beside these as `StartingPipeline.__call__`.

        Args:
            prompt: the instruction.
            shows: what the picture shows, where it is no outcome of this engine; else the captioner says it.

        Raises:
            InputError: the instruction is not understood, or speaks of what is not in the picture.
        """
        original = self.original(image, **wishes)
        wording = original.wording or _wording(shows or wording_of(self, original))
        change = changed(wording, prompt) or self._asked(wording, prompt)
        if change is None:
            raise InputError(
                f"{prompt!r} changes nothing that is understood in {wording.prompt!r}: try 'make the THING"
                " COLOUR', 'put a THING instead of the THING', 'at night', 'in ink'"
            )
        start = self._start(original, wording, change)
        return self.pipe.request(change.wording.prompt, seed=seed, row=row, start=start, **wishes)

    def _asked(self, wording: Wording, instruction: str) -> Change | None:
        """What the planner makes of an instruction, where it is a model of any words; else `None`."""
        from ..engine.models.checkpoint import folder_of
        from ..engine.stages.plan import PlanStage

        plan = self.pipe.recipe.stages.get("plan")
        if plan is None or plan.model.family != PLANNER or (folder_of(plan.model.checkpoint) / WORDS).exists():
            return None
        told = {"instructions": INSTRUCTIONS, "must_agree": False}  # it is to say something else of the picture
        stage = PlanStage(model=plan.model, **{**plan.settings, **told})
        asked = Request(prompt=f"Description: {wording.prompt}\nChange: {instruction}")
        (done,) = self.done(stage, [asked])
        facts = tuple(dataclasses.replace(fact, span=None) for fact in done.value.facts)  # of another prompt
        new = Wording(prompt=done.value.prompt, facts=facts)
        return Change(wording=new, where="around things")

    def _start(self, original: Original, wording: Wording, change: Change) -> Start:
        if change.where == "around things":
            return original.start(former=wording.prompt, strength=STRENGTH, wording=change.wording)
        if change.thing is None:
            return original.start(wording=change.wording)
        cells = find_phrase(self, original, wording.prompt, change.thing).box
        return original.start(redraw=cells, mask=original.cells(cells), wording=change.wording)


def _wording(prompt: str) -> Wording:
    return Wording(prompt=prompt, facts=(Fact(kind="other", text=prompt),))
