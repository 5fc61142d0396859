"""Facts of a composition: whoever asked for them."""

from diptych.engine.language.closed_vocabulary.composition import Composition, composition_of
from diptych.engine.language.closed_vocabulary.vocabulary import Vocabulary
from diptych.engine.language.closed_vocabulary.wish_reader import wish_of
from diptych.engine.language.closed_vocabulary.wording import facts_of


def test_what_is_added_for_one_thing_hides_not_what_is_asked_of_another(vocabulary: Vocabulary) -> None:
    def read(prompt: str) -> Composition:
        return composition_of(wish_of(prompt, vocabulary))

    asked = read("a cat and a red cat")
    plan = read("a red cat on the left and a red cat on the right, in a meadow")
    facts = facts_of(plan, asked, vocabulary)
    assert [(fact.asked, str(fact.span)) for fact in facts if fact.text == "a red cat"] == [(True, "red")]
