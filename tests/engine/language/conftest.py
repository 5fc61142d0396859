"""The pocket planner's vocabulary, and a short way to write down what was read."""

import pytest

from diptych.engine.language.closed_vocabulary.vocabulary import Vocabulary, read_vocabulary
from diptych.engine.models.checkpoint.folder import folder_of


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    found = read_vocabulary(folder_of("pocket/planner"))
    assert found is not None
    return found
