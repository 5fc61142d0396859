"""One call of a pipeline, checked before anything is done: its seeds, its settings, what is to come out."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from ...engine.errors import InputError
from ...engine.messages import did_you_mean, shown
from ...engine.watch import Watcher
from .keywords import COPIES, OUTPUT_TYPES, OnStepEnd, copies_of, is_copies, settings_of
from .seeds import given_seeds, seeds_for
from .step_callback import watcher_of

_OWN = ("seed", "generator", COPIES, "output_type", "callback_on_step_end", "watch")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """A picture that a call asks for.

    Args:
        place: of its prompt, from 0.
        row: of the picture, from 1.
        wishes: settings by their own names.
    """

    place: int
    row: int
    prompt: str
    seed: int
    wishes: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Call:
    """What was said beside prompts and pictures.

    Args:
        seed: one, or one for each picture.
        copies: pictures of each prompt.
        wishes: settings by their own names.
    """

    seed: int | list[int]
    copies: int = 1
    output_type: str = "pil"
    callback: OnStepEnd | None = None
    watch: Watcher | None = None
    wishes: Mapping[str, Any]

    @classmethod
    def of(cls, options: Mapping[str, Any], *, known: Iterable[str] = (), one_each: bool = False) -> "Call":
        """The call of these keywords, those of the pipeline itself taken out.

        Args:
            known: the latter's names, for hints.
            one_each: the pipeline decides how many pictures there are.

        Raises:
            InputError: a keyword is none, or what it is given is nothing that it may be.
        """
        own = {name: options[name] for name in _OWN if name in options}
        said = {name: value for name, value in options.items() if name not in own}
        copies = 1
        for name in (*own, *list(said)):
            if name == COPIES or is_copies(name):
                if one_each:
                    raise InputError(f"{name}: how many pictures there are follows from the rest: leave it out")
                copies *= copies_of(own[name] if name in own else said.pop(name), called=name)
        names = [*known, *(name for name in _OWN if not (one_each and name == COPIES))]
        wishes = settings_of(said, known=names)  # before a generator is moved on
        _check_output_type(output_type := own.get("output_type", "pil"))
        callback = _checked("callback_on_step_end", own.get("callback_on_step_end"), _is_callback)
        return cls(
            seed=given_seeds(own.get("seed"), own.get("generator")),
            copies=copies,
            output_type=output_type,
            callback=callback,
            watch=_checked("watch", own.get("watch"), _is_watcher),
            wishes=wishes,
        )

    def pictures(self, prompts: "str | Iterable[str]") -> Iterator[Wanted]:
        """The pictures that it asks for, all of a prompt's before those of the next.

        Raises:
            InputError: there are more or fewer seeds, or negative prompts, than needed; or no prompts at all.
        """
        if not isinstance(prompts, Iterable) or isinstance(prompts, bytes | bytearray | Mapping):
            raise InputError(f"prompts = {shown(prompts)}: give text, or texts one after the other")
        texts = [prompts] if isinstance(prompts, str) else prompts
        count = len(texts) if isinstance(texts, Sequence) else None
        is_list = not isinstance(prompts, str)
        seeds = seeds_for(self.seed, prompts=count, copies=self.copies, is_list=is_list)
        wishes = _for_each(self.wishes, count)
        return self._pictures(texts, seeds, wishes)

    def _pictures(
        self, texts: Iterable[str], seeds: Iterator[int], wishes: Iterator[dict[str, Any]]
    ) -> Iterator[Wanted]:
        row = 0
        for place, text in enumerate(texts):
            its_wishes = next(wishes)
            for _ in range(self.copies):
                row += 1
                if (seed := next(seeds, None)) is None:
                    raise InputError(f"there is no seed for picture {row}: give one, or one for each")
                yield Wanted(place=place, row=row, prompt=text, seed=seed, wishes=its_wishes)

    @property
    def one_seed(self) -> int:
        """The only seed.

        Raises:
            InputError: there are several.
        """
        if not isinstance(self.seed, int):
            raise InputError(f"{len(self.seed)} seeds: one seed draws all of these pictures: give one")
        return self.seed

    def watcher(self, pipe: object) -> Watcher | None:
        """What watches the work of `pipe` for this call."""
        return watcher_of(pipe, self.callback, self.watch)


def prompts_of(prompt: object, *, called: str = "prompt") -> str | list[str]:
    """A prompt, or a list of them.

    Raises:
        InputError: it is something else.
    """
    if isinstance(prompt, str):
        return prompt
    try:
        kept = not isinstance(prompt, bytes | bytearray | Mapping | set | frozenset | type)
        texts = list(cast(Iterable[Any], prompt)) if kept else None
    except TypeError:  # it cannot be iterated, or not now: an array without dimensions
        texts = None
    if texts is None:
        raise InputError(f"{called} = {shown(prompt)}: give text, or a list of texts")
    for i, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise InputError(f"{called} {i} of the list is {shown(text)}: must be text")
    return texts


def _for_each(wishes: Mapping[str, Any], prompts: int | None) -> Iterator[dict[str, Any]]:
    """The wishes for each prompt: of a list of negative prompts each has its own."""
    negative = wishes.get("negative_prompt")
    if not isinstance(negative, list | tuple):
        return itertools.repeat(dict(wishes))
    if len(negative) != prompts:
        raise InputError(
            f"{len(negative)} negative prompts for {prompts or 'any'} prompts: give one, or one for each"
        )
    return ({**wishes, "negative_prompt": each} for each in negative)


def _check_output_type(value: object) -> None:
    if not (isinstance(value, str) and value in OUTPUT_TYPES):
        hint = did_you_mean(value, OUTPUT_TYPES) if isinstance(value, str) else ""
        known = ", ".join(OUTPUT_TYPES)
        raise InputError(f"output_type = {shown(value)}: must be one of {known}{hint}")


def _checked(name: str, value: Any, test: Any) -> Any:
    if value is not None and (wanted := test(value)):
        raise InputError(f"{name} = {shown(value)}: must be {wanted}")
    return value


def _is_callback(value: object) -> str:
    return "" if callable(value) else "a function of (pipe, step, timestep, kwargs)"


def _is_watcher(value: object) -> str:
    able = callable(getattr(value, "on_progress", None)) and callable(getattr(value, "cancelled", None))
    return "" if able else "an object with on_progress and cancelled"
