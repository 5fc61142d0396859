"""What all tests share: how hypothesis is held to account, and which tests need a GPU.

A busy machine is no fault of the code: nothing is failed for the time that an example takes, or takes to make.
What else hypothesis checks of a test's health stays. Where `CI` is set, its examples are the same each time.
"""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("diptych", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("diptych")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Those marked `cuda` are skipped where there is no CUDA device; `make gpu` runs them where there is."""
    marked = [item for item in items if item.get_closest_marker("cuda")]
    if marked:
        import torch

        if not torch.cuda.is_available():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))
