"""A line of options, as the web UI of AUTOMATIC1111 reads them ("prompts from file or textbox"):

    --prompt "a red boat" --negative_prompt "blurry" --seed 7 --steps 20 --cfg_scale 7 --width 512 --n_iter 2

Text need not stand in quotes: it ends at the next option. `--n_iter` and `--batch_size` ask for several
pictures, whose seeds go up by one. Options that mean something there, but not here (`--sampler_name`), become
notes; any other is a fault.
"""

import re
import shlex
from collections.abc import Iterator

from ...engine.messages import shown
from ..entry import Place, rows_of
from ..row import Row
from ..settings import KNOWN_NAMES, FieldError, nearest_name, plain_name

_OTHERS = (
    *(
        "sd_model",
        "outpath_samples",
        "outpath_grids",
        "prompt_for_display",
        "styles",
        "restore_faces",
        "tiling",
    ),
    *(
        "subseed",
        "subseed_strength",
        "seed_resize_from_h",
        "seed_resize_from_w",
        "sampler_index",
        "sampler_name",
    ),
    *("scheduler", "do_not_save_samples", "do_not_save_grid", "denoising_strength"),
)
NOTES = frozenset(plain_name(name) for name in _OTHERS)
_OPTION = re.compile(r"--([A-Za-z][\w-]*)(?:=(.*))?", re.DOTALL)
_MAX_CHARACTERS = 100_000


def read_options(line: str, place: Place) -> Iterator[Row]:
    """The rows that a line of options asks for."""
    try:
        fields = _fields(line)
    except FieldError as error:
        yield place.fault(str(error))
    else:
        yield from rows_of(fields, place)


def _fields(line: str) -> dict[str, str]:
    fields: dict[str, list[str]] = {}
    name = ""
    for word in _words(line):
        if found := _OPTION.fullmatch(word):
            name = found[1]
            if name in fields:
                raise FieldError(f"--{name} is given twice: keep one of them")
            _check_name(name)
            fields[name] = [] if found[2] is None else [found[2]]
        elif not name:
            raise FieldError(f"{shown(word)} stands before the first option: write --prompt in front of it")
        else:
            fields[name].append(word)
    for name, words in fields.items():
        if not words:
            raise FieldError(f"--{name} has no value")
    return {name: " ".join(words) for name, words in fields.items()}


def _words(line: str) -> list[str]:
    if len(line) > _MAX_CHARACTERS:
        raise FieldError(f"has {len(line)} characters: a line of options has at most {_MAX_CHARACTERS}")
    try:
        return shlex.split(line)
    except ValueError as error:  # an odd number of quotes
        reason = str(error)[:1].lower() + str(error)[1:]
        raise FieldError(
            f'{reason}: put the whole text in double quotes, e.g. --prompt "a cat\'s hat"'
        ) from None


def _check_name(name: str) -> None:
    if plain_name(name) not in KNOWN_NAMES | NOTES:
        raise FieldError(f"no such option: --{name[:40]}: did you mean --{nearest_name(name)}?")
