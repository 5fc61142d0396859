"""Chat templates are programs of whoever made the checkpoint: none takes more than a little time or memory."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from diptych.engine.errors import CheckpointError
from diptych.engine.models.language import chat_template, template_process
from diptych.engine.models.language.chat_template import templated
from diptych.engine.models.language.template_process import TemplateBroken, TemplateRefusal, carry_out

PLANNER = Path(chat_template.__file__).parents[3] / "pipelines" / "pocket" / "weights" / "planner"
DOUBLING = (
    "{% set ns = namespace(s='aaaaaaaaaa') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}"
)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    carry_out("", {})  # the process is there
    monkeypatch.setattr(template_process, "SECONDS", 1.0)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
            "more than 1 seconds",
        ),
        (DOUBLING, "seconds|memory"),
        ("{{ 'a' * 10**10 }}", "too much memory"),
        ("{{ '%2000000000d' | format(1) }}", "too much memory"),
        ("{{ [0] * 10**9 }}", "too much memory"),
        ("{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}", "without end"),
        ("{% for i in range(99999) %}{{ 'a' * 20 }}{% endfor %}", "more than 1048576 characters"),
        ("{{ lipsum(n=100000000) }}", "seconds|memory"),
        ("{{ 1 // 0 }}", "ZeroDivisionError"),
        ("{{ '\\ud800' }}", "surrogates not allowed"),
    ],
)
def test_a_template_that_goes_beyond_a_limit_is_ended(quick: None, template: str, message: str) -> None:
    began = time.monotonic()
    with pytest.raises(TemplateBroken, match=message):
        carry_out(template, {"messages": []})
    assert time.monotonic() - began < 20
    assert carry_out("{{ messages[0] }}", {"messages": ["next"]}) == "next", "others are carried out as before"


@pytest.mark.parametrize(
    "template",
    ["{{ ''.__class__.__mro__ }}", "{{ cycler.__init__.__globals__.os.system('true') }}", "{% for i in"],
)
def test_a_template_that_reaches_for_more_is_refused(template: str) -> None:
    with pytest.raises(TemplateRefusal):
        carry_out(template, {})


def test_a_conversation_is_written_as_the_library_writes_it() -> None:
    template = (
        "{{ bos_token }}{%- for m in messages %}\n  {% generation %}[{{ m.role | upper }}] "
        "{{ m.content | trim }}{{ tools | tojson }}{% endgeneration %}"
        "{% if loop.last %}{% break %}{% endif %}{% endfor %}"
        "{% if add_generation_prompt and not enable_thinking %}>{% endif %}"
    )
    tokenizer: Any = AutoTokenizer.from_pretrained(PLANNER, local_files_only=True)
    said = [{"role": "user", "content": " Böot <é> 🏠 "}, {"role": "user", "content": "two"}]
    options: dict[str, Any] = {"add_generation_prompt": True, "enable_thinking": False}
    expected = tokenizer.apply_chat_template(said, chat_template=template, tokenize=False, **options)
    assert templated(tokenizer, said, template=template, **options) == expected


def test_a_template_is_named_with_its_checkpoint_and_the_reason() -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(PLANNER, local_files_only=True)
    tokenizer.chat_template = "{{ raise_exception('no system message') }}"
    with pytest.raises(CheckpointError, match=r"planner: its chat template cannot .* out: no system message$"):
        chat_template.prompt_ids(tokenizer, "do", "it")


def test_a_process_that_was_forked_off_has_one_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    mine: Callable[[int], object] = template_process._process
    assert mine(os.getpid()) is mine(os.getpid()) is not mine(os.getpid() + 1)
