"""Edit: an instruction in words changes a picture's plan, and with it those tokens that must differ.

    pipe = TextToImage.from_recipe("pocket")
    boat = pipe("a red boat at sunset", seed=7).outcomes[0]
    Edit.from_pipe(pipe)("make the boat blue", image=boat).images[0].save("blue.png")

Pictures of it: `examples/README.md`.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from ...engine.errors import InputError
from ...engine.language.closed_vocabulary.composition import composition_of
from ...engine.language.closed_vocabulary.known_words import read_words
from ...engine.language.closed_vocabulary.wish_reader import wish_of
from ...engine.language.closed_vocabulary.wording import asked_facts, asked_wording
from ...engine.language.words.content import content_words, plain, plain_words
from ...engine.messages import shown, some_of
from ...engine.values import Request
from ...engine.values.fact import Fact, Span
from ...engine.values.start import Start, Wording
from ..calls.keywords import CallOptions, RequestOptions, settings_of
from ..calls.reference_check import edits_by_instruction
from ..calls.signature import spelled_out
from ..pictures.references import references_of
from ..render_result import RenderResult
from ..text_to_image import TextToImage
from ..vocabulary import PLANNER, planner_vocabulary, vocabulary_for
from ..workflow import Workflow
from .ground import without
from .image_input import ImageInputPipeline
from .instruction import Change, changed, left_out_after, unread
from .locating import around, find_phrase, in_place, reach, wording_of
from .phrases import not_there, phrases_in
from .source_image import SourceImage

if TYPE_CHECKING:
    from .image_input import Images, Source

GRID = 16  # rows and columns in which places are told, where the draft's own are not known
STRENGTH = 0.5  # of what is kept in another setting
INSTRUCTIONS = (
    "You are given the description of a picture, and a change that is wanted. Write the description of the"
    " changed picture: one full sentence, the same words where nothing changes. Then list the facts that the"
    " changed picture must show."
)


class Edit(ImageInputPipeline):
    """Where a thing changes, its tokens are drawn anew, and nothing else changes, byte for byte. So it is where
    one is taken away, and the ground goes on; and where one is added, if there is room for it: beside a thing
    that stands on the other side. Where the setting changes, or things must make room, the tokens are kept that
    are as likely as they were. Where the style does, all are drawn anew, after the same plan.

    Where the recipe's painter edits by instruction, it is given the instruction as it was typed, and the
    picture; the judge checks what is to change and, of what is known of the picture, what is to stay."""

    def __init__(self, pipe: TextToImage) -> None:
        self.has_editor = edits_by_instruction(pipe.runner.chain)
        if self.has_editor:
            Workflow.__init__(self, pipe)
        else:
            super().__init__(pipe)

    @spelled_out
    def __call__(
        self,
        prompt: str | Sequence[str],
        image: "Images",
        *,
        shows: str = "",
        **call: Unpack[CallOptions],
    ) -> RenderResult:
        """Make pictures of each prompt; the other keywords and errors are those of `TextToImage`.

        Args:
            prompt: the instruction; or a list of them.
            image: what they start from: a PIL picture, a file, or an outcome of this engine, whose tokens and
                plan are known. One for all prompts, or one for each.
            shows: what the picture shows, where this engine did not make it; else the captioner says it. A file
                of this engine says by itself how it was planned.
        """
        each = {"image": image, "shows": shows}
        return self.rendered(prompt, each=each, call=call)

    def request(
        self,
        prompt: str,
        image: "Source",
        *,
        shows: str = "",
        seed: int = 0,
        row: int = 0,
        **wishes: Unpack[RequestOptions],
    ) -> Request:
        """The request for one picture; arguments and errors beside these as `TextToImage.request`.

        Args:
            prompt: the instruction.
            shows: what the picture shows, where this engine did not make it; else the captioner says it.

        Raises:
            InputError: the instruction is not understood, or speaks of what is not in the picture.
        """
        if not isinstance(shows, str):
            raise InputError(f"shows = {shown(shows)}: must be text")
        if self.has_editor:
            return self._by_editor(prompt, image, shows, seed=seed, row=row, **wishes)
        original = self.source_image(image, **wishes)
        wording = self._shown(original, shows)
        recipe = self.pipe.recipe
        change = changed(wording, prompt, vocabulary_for(recipe), known=planner_vocabulary(recipe))
        if change is None or change.unread:
            change = self._asked(wording, prompt) or change
        if change is None:
            if noun := not_there(prompt, wording.prompt, vocabulary_for(recipe)):
                raise InputError(f"there is no {noun!r} in the picture, which shows {wording.prompt!r}")
            known = planner_vocabulary(recipe)
            things = f"; things that can be drawn: {some_of(list(known.kinds))}" if known else ""
            raise InputError(
                f"{prompt!r} changes nothing that is understood in {wording.prompt!r}: try 'make the THING"
                " COLOUR', 'add a THING on the left', 'remove the THING', 'move the THING to the right', 'put a"
                f" THING instead of the THING', 'at night', 'in ink'{things}"
            )
        from .from_memory.changes import recalled_start

        start = recalled_start(self, original, wording, change.wording, seed=seed, **wishes)
        start = start or self._start(original, wording, change)
        return self.pipe.request(change.wording.prompt, seed=seed, row=row, start=start, **wishes)

    def _by_editor(
        self, prompt: str, image: "Source", shows: str, *, seed: int, row: int, **wishes: Any
    ) -> Request:
        """The request of an instruction that the painter itself reads; the picture is its first reference."""
        settings = settings_of(wishes)
        first = references_of(image.pixels if isinstance(image, SourceImage) else image)
        settings["references"] = (*first, *settings.get("references", ()))
        original = self.source_image(image, **wishes)
        facts: tuple[Fact, ...] = ()
        if self.pipe.runner.chain.judges:
            facts = self._facts_after(self._shown(original, shows), prompt)
        start = Start(wording=Wording(prompt=prompt, facts=facts))
        return self.pipe.request(prompt, seed=seed, row=row, start=start, **settings)

    def _shown(self, original: SourceImage, shows: str) -> Wording:
        """What a picture shows: as it was planned, where that is known; of a file, unless somebody says
        otherwise."""
        known = original.wording
        if known is not None and (original.outcome or shows in ("", original.prompt, known.prompt)):
            return known
        return self._seen(shows or wording_of(self, original), asked=bool(shows))

    def _facts_after(self, wording: Wording, instruction: str) -> tuple[Fact, ...]:
        """What the changed picture must show: as the rules understand the instruction; where they do not, the
        instruction itself, and all that was known of the picture and is not spoken of in it."""
        recipe = self.pipe.recipe
        try:
            change = changed(wording, instruction, vocabulary_for(recipe), known=planner_vocabulary(recipe))
        except InputError:  # it is understood, and cannot be carried out by drawing tokens anew
            change = None
        if change is not None and not change.unread and change.wording.facts:
            return tuple(dataclasses.replace(fact, span=None) for fact in change.wording.facts)
        spoken_of = {plain(word.text) for word in content_words(instruction)}
        kept = (fact for fact in wording.facts if spoken_of.isdisjoint(plain_words(fact.text)))
        return (
            Fact(kind="other", text=instruction),
            *(dataclasses.replace(fact, span=None) for fact in kept),
        )

    def _seen(self, prompt: str, *, asked: bool) -> Wording:
        """The wording of a picture that comes from elsewhere.

        Args:
            asked: somebody said that it shows this; else the captioner did.
        """
        facts: tuple[Fact, ...] = (Fact(kind="other", text=prompt),)
        left_out: tuple[Span, ...] = ()
        vocabulary = planner_vocabulary(self.pipe.recipe)
        if vocabulary is not None and (wish := wish_of(prompt, vocabulary)).things:
            composition = composition_of(wish)
            facts, left_out = asked_facts(composition, vocabulary), composition.left_out
            if left_out:  # what was never drawn is not to be drawn beside the change
                prompt = asked_wording(composition, vocabulary)
        return Wording(
            prompt=prompt,
            facts=tuple(dataclasses.replace(fact, asked=asked, span=None) for fact in facts),
            left_out=left_out if asked else (),
        )

    def _asked(self, wording: Wording, instruction: str) -> Change | None:
        """What the planner makes of an instruction, where it is a model of any words; else `None`."""
        from ...engine.models.checkpoint.folder import folder_of
        from ...engine.stages.planning.plan import PlanStage

        plan = self.pipe.recipe.stages.get("plan")
        if plan is None or plan.model.family != PLANNER or planner_vocabulary(self.pipe.recipe) is not None:
            return None
        if read_words(folder_of(plan.model.checkpoint)) is not None:
            return None
        options = {
            "instructions": INSTRUCTIONS,
            "must_agree": False,
        }  # it is to say something else of the picture
        stage = PlanStage(model=plan.model, **{**plan.settings, **options})
        before = f"Description: {wording.prompt}\nChange: "
        (done,) = self.done(stage, [Request(prompt=f"{before}{instruction}")])
        new = Wording(
            prompt=done.value.prompt,
            facts=tuple(_asked_or_as_it_was(fact, wording, len(before)) for fact in done.value.facts),
            left_out=left_out_after(
                unread(instruction, _quoted(done.value.facts, len(before))), wording.left_out
            ),
        )
        return Change(wording=new, where="around things")

    def _start(self, original: SourceImage, wording: Wording, change: Change) -> Start:
        import torch

        if change.where == "around things":
            return original.start(former=wording.prompt, strength=STRENGTH, wording=change.wording)
        if change.where == "everywhere":
            return original.start(wording=change.wording)
        boxes = {
            phrase: reach(original, find_phrase(self, original, wording.prompt, phrase))
            for phrase in phrases_in(wording.prompt, vocabulary_for(self.pipe.recipe))
            if change.stacked or phrase in change.things + change.gone
        }
        others = [box for phrase, box in boxes.items() if phrase not in change.gone]
        grid = (GRID, GRID) if original.tokens is None else original.tokens.shape
        nowhere = torch.zeros(grid, dtype=torch.bool)
        anew = torch.stack([nowhere, *(boxes[each] for each in change.things)]).any(0)
        gone = torch.stack([nowhere, *(around(boxes[each]) for each in change.gone)]).any(0)
        for place in change.places:
            anew[:, in_place(place, anew.shape[1])] = True
        if not change.stacked:
            anew |= gone
            return original.start(redraw=anew, mask=original.cells(anew), blend=True, wording=change.wording)
        kept = torch.stack([nowhere, *others]).any(0)
        bare = original.cells(gone & ~kept)
        ground = without(original.pixels.numpy(), bare.numpy(), original.cells(kept).numpy())
        return original.start(
            picture=torch.from_numpy(ground),
            tokens=None,
            redraw=anew,
            mask=bare | original.cells(anew),
            blend=True,
            wording=change.wording,
        )


def _asked_or_as_it_was(fact: Fact, before: Wording, start: int) -> Fact:
    """A fact of the changed picture: asked for where it quotes the change, which stands behind `start`, or
    where it was asked for before."""
    was_asked = any(each.asked and each.text.lower() == fact.text.lower() for each in before.facts)
    is_change = fact.span is not None and fact.span.end > start
    return dataclasses.replace(fact, asked=is_change or was_asked, span=None)


def _quoted(facts: Iterable[Fact], start: int) -> set[str]:
    """The words behind `start` that facts quote."""
    spans = [fact.span for fact in facts if fact.span is not None and fact.span.end > start]
    return {word for span in spans for word in plain_words(span.text[max(0, start - span.start) :])}
