"""What people call: one short file a pipeline, recipes, batches, the command line, the pocket models.

Tells the engine where the checkpoints lie that ship in the package.
"""

from pathlib import Path

from ..engine.models.checkpoint.roots import add_root

add_root(
    "pocket",
    Path(__file__).parent / "pocket" / "weights",
    hint="install the package again, or train it: diptych train all",
)
