"""`diptych prompts --words`: every word that a recipe's planner knows."""

import json
from pathlib import Path

from diptych.engine.language.closed_vocabulary.vocabulary import plain_words
from diptych.pipelines.recipes import DEFAULT_RECIPE
from diptych.pipelines.recipes.reader import read_recipe
from diptych.pipelines.vocabulary import planner_vocabulary

from .conftest import Run


def test_all_words_are_listed_by_what_they_say(run: Run) -> None:
    vocabulary = planner_vocabulary(read_recipe(DEFAULT_RECIPE))
    assert vocabulary is not None
    text = run("prompts", "--words").out
    listed = json.loads(run("prompts", "--words", "--json").out)
    for category, names in {
        "kind": vocabulary.kinds,
        "colour": vocabulary.colours,
        "style": vocabulary.styles,
    }.items():
        assert f"{category}:\n" in text and set(listed[category]) == set(names)
    words = {way for phrases in listed.values() for usual, ways in phrases.items() for way in (usual, *ways)}
    assert vocabulary.terms.keys() <= {plain_words(each) for each in words}
    assert {"\u98a8\u8239", "hot-air balloon", "casa abandonada"} <= words  # Japanese parts no words


def test_a_planner_that_takes_any_words_says_so_and_no_prompts_go_with_it(run: Run, tmp_path: Path) -> None:
    recipe = tmp_path / "any.toml"
    recipe.write_text('[stages.plan]\nfamily = "none"\n')
    assert "takes any words" in run("prompts", "--words", "--recipe", recipe).out
    result = run("prompts", "--words", "-p", "a boat")
    assert result.status == 2 and "leave out the one or the other" in result.err
