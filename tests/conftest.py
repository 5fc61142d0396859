"""What all tests share: how hypothesis is held to account.

A busy machine is no fault of the code: nothing is failed for the time that an example takes, or takes to make.
What else hypothesis checks of a test's health stays.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("diptych", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("diptych")
