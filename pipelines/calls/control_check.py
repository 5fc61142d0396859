"""Which control pictures a recipe's chain follows: a request that it cannot carry out is refused."""

from typing import TYPE_CHECKING

from ...engine.chain import Chain
from ...engine.errors import InputError
from ...engine.values import Request

if TYPE_CHECKING:
    from ...engine.models.diffusion.control.key import ControlKey


def offered_controls(chain: Chain) -> "tuple[ControlKey, ...]":
    """The controls that requests may ask for, by the first stage that has some."""
    found = (getattr(stage, "control_keys", ()) for stage in chain.stages)
    return next((keys for keys in found if keys), ())


def refuse_controls(recipe: str, chain: Chain, request: Request) -> None:
    """Raise InputError where no stage follows the controls of a request, or one says why it cannot.

    Args:
        recipe: its name.
    """
    if not request.controls:
        return
    if not offered_controls(chain):
        raise InputError(f"recipe {recipe} follows no control pictures: leave control out")
    for stage in chain.stages:
        fault_of = getattr(stage, "control_fault", None)
        if fault_of is not None and (fault := fault_of(request)):
            raise InputError(f"recipe {recipe}: {fault}")
