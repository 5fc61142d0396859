"""Which thing of a plan each reference picture of its request shows: the one that it names, or the next in
order."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from ...errors import InputError, RowError
from ...language.closed_vocabulary.vocabulary import Vocabulary, plain_words
from ...language.closed_vocabulary.wish import Thing
from ...messages import shown
from ...values import Reference
from .grounds import thing_in

Cuts = dict[int, Image.Image]
"""References that are cut out, by their `id`: the candidates of a request have the same ones."""


def references_by_thing(
    index: int,
    things: Sequence[Thing],
    references: Sequence[Reference],
    vocabulary: Vocabulary,
    cuts: Cuts,
) -> Mapping[str, Image.Image]:
    """The picture RGBA of each kind of things that a reference shows. One of weight 0 shows nothing.

    Args:
        index: of the plan in its batch.
        vocabulary: with the names of the references in it.
        cuts: what was cut out for other plans of the batch; what is cut out now is added.

    Raises:
        RowError: a reference names what the plan has not, there are more references than things, or one cannot
            be cut out.
    """
    kinds = list(dict.fromkeys(thing.kind.value for thing in things))
    counted = [each for each in references if each.weight > 0]
    found: dict[str, Image.Image] = {}
    for each in counted:
        if each.name:
            found[_kind_of(index, each.name, kinds, vocabulary)] = _cut(index, each, cuts)
    rest = iter([kind for kind in kinds if kind not in found])
    for each in counted:
        if not each.name:
            kind = next(rest, None)
            if kind is None:
                raise RowError(
                    index,
                    f"{len(counted)} reference pictures for {_listed(kinds)}: leave some out, or name more"
                    " things",
                )
            found[kind] = _cut(index, each, cuts)
    return found


def _kind_of(index: int, name: str, kinds: Sequence[str], vocabulary: Vocabulary) -> str:
    term = vocabulary.terms.get(plain_words(name))
    if term is None or term.value not in kinds:
        raise RowError(
            index, f"the reference picture of {shown(name)}: the plan has no such thing, but {_listed(kinds)}"
        )
    return term.value


def _cut(index: int, reference: Reference, cuts: Cuts) -> Image.Image:
    if id(reference) not in cuts:
        try:
            cuts[id(reference)] = thing_in(np.asarray(reference.picture))
        except InputError as error:
            which = f" of {shown(reference.name)}" if reference.name else ""
            raise RowError(index, f"the reference picture{which}: {error}") from None
    return cuts[id(reference)]


def _listed(kinds: Sequence[str]) -> str:
    return ", ".join(kinds)
