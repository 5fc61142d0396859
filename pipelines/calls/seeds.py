"""The seed of each picture of a call, from one seed, a list of them, or generators of torch."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ...engine.errors import InputError
from ...engine.messages import shown
from ...engine.randomness import derive_seed
from ...engine.values import MAX_SEED, SETTINGS

if TYPE_CHECKING:
    import torch


def given_seeds(seed: object, generator: object) -> int | list[int]:
    """One seed, or a list of them: what the caller gave; 0 where that is nothing. A generator is moved on.

    Raises:
        InputError: a seed is no whole number or out of range, a generator is none, or both are given.
    """
    if generator is None:
        many = _as_list(seed)
        return _checked(0 if seed is None else seed) if many is None else [_checked(each) for each in many]
    if seed is not None:
        raise InputError("both seed and generator are given: keep one of them")
    if isinstance(generator, list | tuple):
        for each in generator:
            _check_generator(each)
        return [seed_of(each) for each in generator]
    return seed_of(_check_generator(generator))


def seeds_for(given: int | Sequence[int], *, prompts: int | None, copies: int, is_list: bool) -> Iterator[int]:
    """The seed of each picture, all of a prompt's before those of the next.

    One seed is that of a single prompt's first picture, and the next ones count up from it; each prompt of a
    list has a seed of its own, made of the given one and its place. A list says all of them.

    Args:
        prompts: how many; `None` where that is not known.
        is_list: they came as a list, be it of one.

    Raises:
        InputError: a list of another length than there are pictures.
    """
    if not isinstance(given, int):
        count = None if prompts is None else (prompts if is_list else 1) * copies
        if count is not None and len(given) != count:
            raise InputError(_wrong_count(len(given), count, copies))
        return iter(given)
    first: Iterable[int] = (derive_seed(given, i) for i in itertools.count(1)) if is_list else [given]
    return ((seed + copy) & MAX_SEED for seed in first for copy in range(copies))


def seed_of(generator: "torch.Generator") -> int:
    """The seed that a generator stands for, which is moved on: its own, as in `manual_seed(7)`, if nothing was
    drawn from it yet; else one that is drawn from it."""
    import torch

    own = generator.initial_seed()
    fresh = torch.Generator(device=generator.device).manual_seed(own)
    is_fresh = torch.equal(fresh.get_state(), generator.get_state())
    drawn = torch.randint(2**63 - 1, (), generator=generator, device=generator.device)
    return own & MAX_SEED if is_fresh else int(drawn)


def _checked(seed: object) -> int:
    return SETTINGS["seed"].check(seed)


def _as_list(seed: Any) -> list[Any] | None:
    """The seeds of a list, a tuple, a range or an array; `None` for what is no such thing."""
    if isinstance(seed, list | tuple | range):
        return list(seed)
    is_array = len(getattr(seed, "shape", ())) == 1 and hasattr(seed, "tolist")
    return seed.tolist() if is_array else None


def _check_generator(generator: Any) -> "torch.Generator":
    import torch

    if not isinstance(generator, torch.Generator):
        raise InputError(f"generator = {shown(generator)}: must be a torch.Generator, or a list of them")
    return generator


def _wrong_count(seeds: int, pictures: int, copies: int) -> str:
    hint = "give one, or one for each"
    if copies == 1 and pictures == 1:
        hint += f"; num_images_per_prompt={seeds} makes {seeds}" if seeds else ""
    return f"{seeds} seeds for {pictures} pictures: {hint}"
