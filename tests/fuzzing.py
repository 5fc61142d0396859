"""What property tests of readers share: how many examples are tried, so that a long run is one variable, and
values of which some part is odd.

DIPTYCH_FUZZ=50000 python -m pytest tests/prompts/test_fuzz.py
"""

import copy
import json
import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = "DIPTYCH_FUZZ"


def fuzz_settings(examples: int = 200) -> settings:
    """Settings for `@given`: as many examples as `DIPTYCH_FUZZ` says, or `examples`; without a deadline.

    Nothing is kept from one run to the next, and fixtures of a function may be used: an example that needs a
    clean folder cleans it itself.
    """
    return settings(
        max_examples=int(os.environ.get(EXAMPLES) or examples),
        deadline=None,
        database=None,
        suppress_health_check=[
            HealthCheck.data_too_large,
            HealthCheck.filter_too_much,
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
        ],
    )


ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 2**31, 2**63, 10**400, -(10**400), float("inf"), "", "x", "nan", "\ud800"),
    *([], [[]], [[], [1]], [1], [[0, 1], [1]], [[[0]]], [[True]], {}, {"": []}, [None], [{}]),
    *("a" * 5000, [[0]] * 2000),
)
"""Values of JSON, and what Python's reader takes for such, that seldom fit."""


@st.composite
def changed(draw: st.DrawFn, whole: Any, *odd: Any) -> Any:
    """The value with some of what is in it changed, left out, or said by something odd.

    Args:
        odd: more to choose from, beside `ODD`.
    """
    value = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(1, 4))):
        at = value
        while True:
            keys: list[Any] = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(at[key], (dict, list)) and at[key] and draw(st.integers(0, 3)):
                at = at[key]
                continue
            if draw(st.integers(0, 4)):
                at[key] = copy.deepcopy(draw(st.sampled_from((*ODD, *odd))))
            else:
                del at[key]
            break
    return value
