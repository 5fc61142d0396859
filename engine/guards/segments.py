"""How torch's allocator of a GPU gets memory: in segments that grow, unless somebody has said otherwise.

Segments of fixed sizes are cut into pieces, and what is left between them fits nothing: models that come and go
leave more of that each time. A segment that grows has no such ends. Imports nothing of the package.
"""

import os
import sys
from collections.abc import Mapping, MutableMapping

SAYING = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF")
"""Variables that say how; whoever has set one knows what they want."""

GROWING = "expandable_segments:True"


def let_segments_grow(
    environment: MutableMapping[str, str] = os.environ,
    loaded: Mapping[str, object] = sys.modules,
    platform: str = sys.platform,
) -> bool:
    """Let segments grow; true where that is now settled. Without a GPU nobody reads it.

    Nothing is done where somebody has chosen already, where torch is loaded, which may have read it, or where
    the driver cannot do it: outside of Linux torch would warn.
    """
    if platform != "linux" or "torch" in loaded or any(name in environment for name in SAYING):
        return False
    environment["PYTORCH_CUDA_ALLOC_CONF"] = GROWING
    return True
