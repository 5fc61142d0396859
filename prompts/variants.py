"""Rows with variants in their prompts become rows without: one chosen by the row's seed, or all of them.

What is chosen depends on that seed and on nothing else. Whatever a template says, the work on it is bounded: in
steps, in depth, in characters, and in how many variants may come of it. (The `dynamicprompts` library, whose
syntax this is, bounds none of these, follows links out of the folder of wildcards, takes a wildcard that is
missing for text, and cuts prompts at `#`; so it is the reference of the tests, not what runs here.)
"""

import dataclasses
import hashlib
import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from .row import Row
from .template import Assign, Choice, Node, Sequence, TemplateError, Use, Wildcard, is_template, parse
from .wildcards import Wildcards

STYLE_PLACE = "{prompt}"
"""Where a style of AUTOMATIC1111 or Fooocus takes the prompt that it is for."""
MAX_VARIANTS = 1000  # of one row, by default
MAX_CHARACTERS = 100_000  # of a resolved prompt
MAX_PICKED = 100  # options of one variant
_MAX_STEPS = 20_000  # for one row,
_MAX_STEPS_EACH = 50  # and this many more for each variant that it may have
_MAX_DEPTH = 40  # of templates within templates
_HELD_BACK = 1000  # variants of a row, before the first of them is given
_REMEMBERED = 200_000  # variants of a row, so that none of them is given twice
_EMPTIED = "nothing is left of the prompt once its variants are chosen"

Scope = Mapping[str, Node]


def resolve(
    rows: Iterable[Row],
    *,
    wildcards: Path | None = None,
    combinatorial: bool = False,
    most: int = MAX_VARIANTS,
    seed_of: Callable[[int], int] = lambda number: number,
    first: int = 1,
) -> Iterator[Row]:
    """The rows with their variants chosen; `template` keeps what was there before.

    Rows that have a `template` are resolved already, rows with a `fault` cannot be: both are passed on. A
    template that cannot be resolved makes a row with a fault.

    Args:
        wildcards: the folder that `__name__` is looked up in.
        combinatorial: a row for each combination, in place of one chosen at random.
        most: how many rows may come of one, with `combinatorial`; more are a fault, which stands behind the
            first `most` of them where these were too many to wait for.
        seed_of: the seed of row i, from 1 and counting the rows that are given, where it sets none itself.
        first: the number of the first row.

    Raises:
        PromptFileError: the folder of wildcards cannot be read.
    """
    found = Wildcards(wildcards)
    number = first
    for row in rows:
        chosen = is_template(row.prompt)
        if row.template is not None or (row.fault is not None and not (combinatorial and chosen)):
            yield row
            number += 1
        elif not chosen and not row.settings.get("negative_prompt"):
            yield _as_it_stands(row)
            number += 1
        else:
            seed = row.settings.get("seed")
            for made in _resolved(row, found, combinatorial, most, seed_of(number) if seed is None else seed):
                yield made
                number += 1


def _as_it_stands(row: Row) -> Row:
    """A row without variants; `dataclasses.replace` takes several times as long."""
    return Row(
        prompt=row.prompt.strip(),
        source=row.source,
        line=row.line,
        settings=row.settings,
        notes=row.notes,
        copies=row.copies,
        template=row.prompt,
        fault=row.fault,
    )


def _resolved(row: Row, wildcards: Wildcards, combinatorial: bool, most: int, seed: int) -> Iterator[Row]:
    """The rows that come of one. One that has a fault comes as often as it would without, so that the rows
    behind it keep their numbers when it is mended."""
    if any(STYLE_PLACE in text for text in (row.prompt, str(row.settings.get("negative_prompt", "")))):
        fault = f"{STYLE_PLACE} is where a style takes a prompt: give one with -p beside this file of styles"
        yield dataclasses.replace(row, fault=fault)
        return
    try:
        settings = dict(row.settings)
        if negative := settings.get("negative_prompt"):
            draws = f"{seed}/negative prompt"
            settings["negative_prompt"] = _variant(negative, wildcards, draws)
            if not settings["negative_prompt"]:  # as an empty cell
                del settings["negative_prompt"]
        texts = _variants(row.prompt, wildcards, f"{seed}/prompt", most=most if combinatorial else 0)
        for text in texts:
            emptied = not text and row.prompt.strip()
            fault = row.fault or (_EMPTIED if emptied else None)
            yield dataclasses.replace(row, prompt=text, settings=settings, template=row.prompt, fault=fault)
    except TemplateError as error:
        yield dataclasses.replace(row, fault=row.fault or str(error))


def _variant(template: str, wildcards: Wildcards, draws: str) -> str:
    """One of the texts that a template can become."""
    return next(_variants(template, wildcards, draws, most=0))


def _variants(template: str, wildcards: Wildcards, draws: str, *, most: int) -> Iterator[str]:
    """The different texts that a template can become, at most `most`; one of them where that is 0. The first
    are held back until it is known whether there are more than `most`, as far as `_HELD_BACK` goes; of those
    behind them a text may come twice, if it did not come among the first `_REMEMBERED`.

    Args:
        draws: what the draws depend on.
    """
    if not is_template(template):
        yield template.strip()
        return
    texts = _Walk(wildcards, random.Random(draws), most).texts(parse(template), {}, 0)
    if not most:
        yield next(texts).strip()
        return
    different = _different(texts)
    first = list(itertools.islice(different, min(most, _HELD_BACK) + 1))
    for count, text in enumerate(itertools.chain(first, different), start=1):
        if count > most or len(first) > most:
            raise TemplateError(f"the prompt has more than {most} variants: narrow it, or allow more")
        yield text


def _different(texts: Iterable[str]) -> Iterator[str]:
    seen: set[bytes] = set()
    for text in texts:
        stripped = text.strip()
        mark = hashlib.blake2b(stripped.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        if mark not in seen:
            if len(seen) < _REMEMBERED:
                seen.add(mark)
            yield stripped


class _Walk:
    """One way through a template, or all ways."""

    def __init__(self, wildcards: Wildcards, chance: random.Random, most: int) -> None:
        self._wildcards = wildcards
        self._chance = chance
        self._all = most > 0
        self._steps_left = _MAX_STEPS + _MAX_STEPS_EACH * most

    def texts(self, node: Node, scope: Scope, depth: int) -> Iterator[str]:
        """The texts that a node can become."""
        self._spend(1)
        if depth > _MAX_DEPTH:
            raise TemplateError("the prompt has no end: does a wildcard or a variable name itself?")
        match node:
            case str():
                yield node
            case Sequence(parts):
                yield from self._joined(parts, scope, depth + 1)
            case Choice():
                yield from self._chosen(node, scope, depth + 1)
            case Wildcard():
                yield from self._from_file(node, scope, depth + 1)
            case Use(name, default):
                yield from self.texts(_value(name, default, scope), scope, depth + 1)
            case Assign():
                yield ""

    def _joined(self, parts: tuple[Node, ...], scope: Scope, depth: int, separator: str = "") -> Iterator[str]:
        """All parts in order; what one of them sets holds for those behind it."""
        ways = [self._ways(parts[0], scope, depth)] if parts else []
        texts: list[str] = []
        lengths = [0]  # of the texts so far
        if not parts:
            yield ""
        while ways:
            text, inner = next(ways[-1], (None, scope))
            del texts[len(ways) - 1 :], lengths[len(ways) :]
            if text is None:
                ways.pop()
                continue
            texts.append(text)
            lengths.append(lengths[-1] + len(text) + len(separator))
            if lengths[-1] > MAX_CHARACTERS:
                raise TemplateError(f"the prompt comes to more than {MAX_CHARACTERS} characters")
            if len(texts) == len(parts):
                yield separator.join(texts)
            else:
                ways.append(self._ways(parts[len(texts)], inner, depth))

    def _ways(self, part: Node, scope: Scope, depth: int) -> Iterator[tuple[str, Scope]]:
        if not isinstance(part, Assign):
            yield from ((text, scope) for text in self.texts(part, scope, depth))
        elif part.keep and part.name in scope:
            yield "", scope
        elif not part.now:
            yield "", {**scope, part.name: part.value}
        else:
            for text in self.texts(part.value, scope, depth):
                yield "", {**scope, part.name: text}

    def _chosen(self, choice: Choice, scope: Scope, depth: int) -> Iterator[str]:
        options, weights = choice.options, choice.weights
        wildcard = options[0]
        if len(options) == 1 and isinstance(wildcard, Wildcard):  # {2$$__colour__}: two of its lines
            options = self._wildcards.lines(next(self.texts(wildcard.name, scope, depth)))
            weights = (1.0,) * len(options)
            if len(options) == 1 and isinstance(options[0], Choice):  # a list with weights
                options, weights = options[0].options, options[0].weights
            scope = {**scope, **wildcard.variables}
        low, high = min(choice.low, len(options)), min(choice.high, len(options))
        if high > MAX_PICKED:
            raise TemplateError(f"{high} options of a variant are chosen at once: at most {MAX_PICKED} may be")
        if self._all and not choice.random:
            for count in range(low, high + 1):
                for some in itertools.permutations(options, count):
                    yield from self._joined(some, scope, depth, choice.separator)
        else:
            count = low + int(self._chance.random() * (high - low + 1))
            some = tuple(options[index] for index in self._draw(weights, count))
            yield from self._joined(some, scope, depth, choice.separator)

    def _from_file(self, wildcard: Wildcard, scope: Scope, depth: int) -> Iterator[str]:
        for name in self.texts(wildcard.name, scope, depth):
            lines = self._wildcards.lines(name)
            inner = {**scope, **wildcard.variables}
            if not self._all or wildcard.random:
                lines = (lines[int(self._chance.random() * len(lines))],)
            for line in lines:
                yield from self.texts(line, inner, depth)

    def _draw(self, weights: tuple[float, ...], count: int) -> list[int]:
        """`count` different indices by weight, one after the other."""
        self._spend(count * len(weights) // 50)
        left = {index: weight for index, weight in enumerate(weights) if weight > 0}
        drawn: list[int] = []
        while left and len(drawn) < count:
            point = self._chance.random() * sum(left.values())
            index = next(reversed(left))  # should rounding leave a little of `point`
            for each, weight in left.items():
                point -= weight
                if point < 0:
                    index = each
                    break
            drawn.append(index)
            del left[index]
        if len(drawn) < count and not left and not any(weights):
            raise TemplateError("all weights of a variant are 0: give one of them more")
        return drawn

    def _spend(self, steps: int) -> None:
        self._steps_left -= steps
        if self._steps_left < 0:
            raise TemplateError("the prompt takes too many steps to resolve: simplify it")


def _value(name: str, default: Node | None, scope: Scope) -> Node:
    value = scope.get(name, default)
    if value is None:
        raise TemplateError(f"the variable {name[:60]!r} is not set: write ${{{name[:60]}=...}} before it")
    return value
