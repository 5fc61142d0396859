"""Facts and the words that ask for them."""

from diptych.engine.values.fact import Fact, Span, once

SPAN = Span(start=2, end=6, text="boat")


def test_each_claim_is_made_once_where_it_came_first_and_the_asked_one_wins() -> None:
    added = Fact(kind="thing", text="a boat", asked=False)
    cat, asked = Fact(kind="thing", text="a cat"), Fact(kind="thing", text="a boat")
    placed, other = Fact(kind="thing", text="A boat", span=SPAN), Fact(kind="other", text="a boat")
    assert once([added, cat, asked, other]) == (asked, cat, other)
    assert once([asked, cat, placed, added]) == (placed, cat)
    assert once([placed, asked]) == (placed,)


def test_words_of_another_text_have_no_place() -> None:
    assert SPAN.seen_from("a boat") is SPAN and SPAN.stands_in("a boat")
    assert SPAN.seen_from("a cat") == Span.elsewhere("boat")
    assert not Span.elsewhere("boat").has_place and not Span.elsewhere("boat").stands_in("boat")
