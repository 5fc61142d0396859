"""The option `--ray [ADDRESS]`, whose value may be left out: the command line's parser has no word for that."""

import itertools
import re
from collections.abc import Sequence

from ..rendering.ray.share import LOCAL

_ADDRESS = re.compile(r"auto|local|(ray://)?([\w.-]+|\[[0-9a-fA-F:]+\]):\d+")


def with_ray_address(arguments: Sequence[str]) -> list[str]:
    """The arguments of a command, with `--ray` made `--ray=local` where no address stands behind it."""
    whole: list[str] = []
    for argument, behind in itertools.zip_longest(arguments, arguments[1:], fillvalue=""):
        bare = argument == "--ray" and not _ADDRESS.fullmatch(behind)
        whole.append(f"--ray={LOCAL}" if bare else argument)
    return whole
