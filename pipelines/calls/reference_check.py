"""Whether a recipe's chain can take after reference pictures: a request that it cannot carry out is refused."""

from collections.abc import Sequence

from ...engine.chain import Chain
from ...engine.errors import InputError
from ...engine.stage import settings_read_by
from ...engine.values import Reference

READS = "references"
"""What a stage that looks at them names in `reads`."""


def reads_references(chain: Chain) -> bool:
    """Whether a stage looks at them; also where one does not say what it reads."""
    read = [settings_read_by(stage) for stage in chain.stages]
    return any(names is None or READS in names for names in read)


def edits_by_instruction(chain: Chain) -> bool:
    """Whether its painter changes the pictures that it is given as the prompt says."""
    return any(getattr(stage, "edits", 0) for stage in chain.stages)


def refuse_references(recipe: str, chain: Chain, references: Sequence[Reference]) -> None:
    """Raise InputError where no stage takes these references, or one says why it does not.

    Args:
        recipe: its name.
    """
    if not reads_references(chain):
        raise InputError(
            f"recipe {recipe} takes no reference pictures: leave reference out, or choose a recipe whose"
            " painter has [stages.paint.references], or edits by instruction"
        )
    for stage in chain.stages:
        fault_of = getattr(stage, "reference_fault", None)
        if fault_of is not None and (fault := fault_of(references)):
            raise InputError(f"recipe {recipe}: {fault}")
