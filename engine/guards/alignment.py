"""Where numbers lie in memory changes nothing: MKL sums in the same order wherever an array begins.

Weights are read where they lie in their file, which may be at any multiple of eight bytes; the same weights in
another file, or brought back after they were evicted, lie elsewhere. On some CPUs, AMD's of today among them,
MKL multiplies a matrix with one vector in an order that depends on that, and so the last bits do. Its mode of
Conditional Numerical Reproducibility (Intel oneMKL developer guide, "Obtaining Numerically Reproducible
Results") forbids it, at no cost that could be measured. Imports nothing of the package.
"""

import os
from collections.abc import MutableMapping

VARIABLE = "MKL_CBWR"
"""Says which mode; whoever has set it knows what they want."""


def forget_alignment(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Have MKL's sums not depend on where arrays begin; true where that was said now. MKL reads it when it
    first computes: where that was before, as in a program that imports the package late, it changes nothing."""
    if VARIABLE in environment:
        return False
    environment[VARIABLE] = "AUTO"
    return True
