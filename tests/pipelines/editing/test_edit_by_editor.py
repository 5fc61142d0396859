"""Edit with a painter that reads the instruction itself: what it is given, and what the judge asks."""

from typing import Any

import PIL.Image
import pytest

from diptych import Edit, InputError
from diptych.engine.values.fact import Fact
from diptych.engine.values.start import Wording
from diptych.pipelines.text_to_image import TextToImage

SHOWN = Wording(
    prompt="a red boat and a green tree, at sunset",
    facts=(
        Fact(kind="colour", text="a red boat"),
        Fact(kind="colour", text="a green tree"),
        Fact(kind="setting", text="at sunset", asked=False),
    ),
)


@pytest.fixture
def edit(pipe: TextToImage) -> Edit:
    """Over fakes, whose painter says that it edits."""
    stage: Any = pipe.runner.chain.stages[2]
    vars(stage)["edits"] = 2
    return Edit.from_pipe(pipe)


def facts_after(edit: Edit, instruction: str) -> list[tuple[str, bool]]:
    found = edit._facts_after(SHOWN, instruction)
    return [(fact.text, fact.asked) for fact in found]


def test_the_judge_asks_for_the_change_and_for_all_that_it_does_not_touch(edit: Edit) -> None:
    assert facts_after(edit, "make the boat blue") == [
        ("a blue boat", True),
        ("a green tree", True),
        ("at sunset", False),
    ]


def test_of_words_that_no_rule_knows_the_instruction_itself_is_asked(edit: Edit) -> None:
    said = "Engrave the boat with baroque filigree!"
    assert facts_after(edit, said) == [(said, True), ("a green tree", True), ("at sunset", False)]


def test_the_painter_is_given_the_words_as_they_were_typed_and_the_picture(edit: Edit) -> None:
    picture = PIL.Image.new("RGB", (90, 60), "red")
    request = edit.request("  Make THE boat blue", picture, shows="a red boat")
    assert request.start is not None and request.start.wording is not None
    assert request.start.wording.prompt == "  Make THE boat blue" and request.start.picture is None
    (reference,) = request.references
    assert tuple(reference.picture.shape) == (60, 90, 3)
    (outcome,) = edit("Make the boat blue", picture, shows="a red boat").outcomes
    assert outcome.plan.prompt == "Make the boat blue"


def test_a_recipe_whose_painter_edits_nothing_goes_by_the_plan(pipe: TextToImage) -> None:
    edit = Edit.from_pipe(pipe)
    assert not edit.has_editor
    with pytest.raises(InputError, match="changes nothing that is understood"):
        edit.request("Engrave it with filigree", PIL.Image.new("RGB", (64, 64)), shows="a red boat")
