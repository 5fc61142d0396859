"""The pocket planner's vocabulary, and a short way to write down what was read."""

import pytest

from diptych.engine.language.vocabulary import Vocabulary, read_vocabulary
from diptych.engine.models.checkpoint import folder_of


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    found = read_vocabulary(folder_of("pocket/planner"))
    assert found is not None
    return found
