"""How many examples property tests of readers are tried with: one place, so that a long run is one variable.

DIPTYCH_FUZZ=50000 python -m pytest tests/prompts/test_fuzz.py
"""

import os

from hypothesis import HealthCheck, settings

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
