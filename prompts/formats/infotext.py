"""Infotext: what web UIs write into their pictures and logs, one block a picture.

    a red boat at sunset, (detailed:1.2)
    Negative prompt: blurry
    Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 7, Size: 512x512, Model: some-model

A block ends with its line of parameters, or at a blank line. Its prompt is what was rendered, so variants are
not looked for in it. Parameters that mean nothing here become notes, and so does how many pictures were made.
"""

import dataclasses
from collections.abc import Iterator

from ..entry import Place, rows_of
from ..other_tools.parameters import NEGATIVE, PARAMETERS, parameters_of
from ..row import Row
from ..settings import COPIES_NAMES, PROMPT_NAMES, TEMPLATE_NAME, plain_name
from ..text import Text

_NOT_OF_THE_PICTURE = frozenset(  # but of its batch, or of the template that its prompt was made of
    plain_name(name) for name in (*COPIES_NAMES, *PROMPT_NAMES, "negative_prompt", TEMPLATE_NAME)
)
_MAX_CHARACTERS = 200_000  # of a block


@dataclasses.dataclass
class _Block:
    place: Place
    prompt: list[str] = dataclasses.field(default_factory=list)
    negative: list[str] | None = None
    parameters: str = ""
    characters: int = 0


def is_infotext(line: str) -> bool:
    """Whether no other format has such a line."""
    return line.startswith(NEGATIVE) or PARAMETERS.match(line) is not None


def read_infotext(text: Text) -> Iterator[Row]:
    """The rows of `text`, in order."""
    block: _Block | None = None
    blank = False
    for raw in text.lines():
        line = raw.strip()
        if not line:
            blank = True
            continue
        if block is not None and blank and not is_infotext(line):
            yield from _rows(block)
            block = None
        block, blank = block or _Block(Place(source=text.source, line=text.line)), False
        _add(block, line)
        if block.parameters:
            yield from _rows(block)
            block = None
    if block is not None:
        yield from _rows(block)


def _add(block: _Block, line: str) -> None:
    block.characters += len(line)
    if block.characters > _MAX_CHARACTERS:
        raise block.place.error(
            f"a block has more than {_MAX_CHARACTERS} characters: part blocks by blank lines"
        )
    if PARAMETERS.match(line):
        block.parameters = line
    elif line.startswith(NEGATIVE):
        block.negative = [line.removeprefix(NEGATIVE).strip()]
    else:
        (block.prompt if block.negative is None else block.negative).append(line)


def _rows(block: _Block) -> Iterator[Row]:
    prompt = "\n".join(block.prompt)
    fields = {"prompt": prompt, "template": prompt}
    if block.negative is not None:
        fields["negative_prompt"] = "\n".join(block.negative)
    for name, value in parameters_of(block.parameters):
        if plain_name(name) in _NOT_OF_THE_PICTURE:
            name = f"{name} (infotext)"
        if name not in fields:
            fields[name] = value
    yield from rows_of(fields, block.place)
