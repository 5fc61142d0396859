"""Every reader, and what resolves variants, fed with nonsense: rows or one line come out, and nothing else.

A few inputs for each here; `tests/fuzzing.py` says how to try more.
"""

import io
import itertools
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych import PromptFileError, Row, read_prompts
from diptych.prompts.formats.known import FORMATS
from diptych.prompts.settings import COLUMNS
from diptych.prompts.variants import resolve

from ..fuzzing import fuzz_settings

SLOW_S = 20.0  # for one input of a few kilobytes; most take a millisecond

fuzz = fuzz_settings(25)

HOSTILE = [
    *("NaN", "-1", "-0", "1e999", "100000", "9" * 25, "9" * 5000, "0x10", "1_000", "true"),
    *("../../x", "/etc/passwd", "<script>", "a" * 3000, "\x00", "\x1b[31m", "\x7f", "\x85"),
    *("\u2028", "\u202e", "\ufeff", "\r", "\r\n", "\n", "\n\n", "\t"),
]
TEMPLATES = [
    *("$$", "::", "0.5::", "0::", "2$$", "1-2$$", "{a|b}", "{2$$a|b|c}", "{~a|b}", "{!", "{@", "__"),
    *("__colour__", "__birds/*__", "__loop__", "__none__", "__../x__", "__boat(colour=x)__"),
    *("${", "${x}", "${x=", "${x=!", "${x?=", "${x:y}", "%{", r"\{", r"\__"),
]
OTHER_NAMES = ("prompt", "Prompt", "text", "steps", "cfg", "size", "n_iter", "batch_size", "template", "sede")
NAMES = [*COLUMNS, *OTHER_NAMES]
TOKENS = {
    "text": ["a red boat", "--prompt ", '--prompt "', *(f" --{name} " for name in NAMES), "\n", "\n"],
    "infotext": ["Negative prompt:", "\nSteps: 20, ", "Seed: 7, ", "Size: 5x5, ", "CFG scale: ", 'A: "', ", "],
    "blocks": ["positive: ", "\nnegative: ", "\n----\n", "name:", "Positive:x", "---", "#"],
    "table": [
        "sep=;\n",
        "7,5;",
        "item_id,text,proposition_id,question_natural_language\n",
        "prompt,seed\n",
        "prompt\tseed\n",
        "a prompt;b\n",
        *(f"{name}," for name in NAMES),
        '""',
    ],
    "jsonl": ["null", r"\ud800", "{}", '{"prompt":', *(f'"{name}":' for name in NAMES), '","', "},"],
    "json": ["null", r"\u0000", '"rows":[', '"defaults":{', *(f'"{name}":' for name in NAMES), '","', "},"],
    "yaml": ["rows:\n", "defaults: {", "- ", "  ", "---\n", "&a ", "*a ", "!!x ", *(f"{n}: " for n in NAMES)],
}
SAMPLES = {  # what is right, to begin with
    "text": '# a comment\na red boat\n"a blue cat"\n--prompt "a {b|c}" --seed 7 --steps 20 --n_iter 2\n',
    "infotext": "a boat\nNegative prompt: cat\nSteps: 20, CFG scale: 7, Seed: 7, Size: 64x32\n\nb\nSteps: 3\n",
    "blocks": "positive: a boat,\non a lake\nnegative: fog\n----\npositive: b\nname: x\n",
    "table": 'prompt,seed,steps,note\na boat,7,,x\n"a ""red"" cat, at\nsea",,20,\n',
    "jsonl": '{"prompt": "a", "seed": 7, "tags": ["x", {"y": 1.5}]}\n"a"\n{"text": "b", "n_iter": 2}\n',
    "json": '{"defaults": {"steps": 20},\n"rows": [{"prompt": "a boat", "seed": 7},\n"a cat"], "x": null}\n',
    "yaml": "defaults: {steps: 20}\nrows:\n- a\n- prompt: 'a cat'\n  seed: 7\n  tags: [x, {y: ~}]\n- {a: b}\n",
}


def table_of(tokens: list[str]) -> list[bytes]:
    """A piece for each byte that may be drawn: a format's own, hostile ones, and anything."""
    pieces = [*tokens, *HOSTILE, *TEMPLATES, *map(chr, range(32, 127)), *"\u00e9\u4e2d\U0001f600\ud800\uffff"]
    table = [piece.encode("utf-8", "surrogatepass") for piece in pieces] + [b"\xff", b"\xc3", b"\xe4\xb8"]
    assert len(table) <= 256
    return [table[index % len(table)] for index in range(256)]


def soup(tokens: list[str], sample: str = "") -> st.SearchStrategy[bytes]:
    """Pieces in any order; a sample with pieces put into it here and there; any bytes."""
    table = table_of(tokens)

    def corrupt(drawn: bytes) -> bytes:
        data = bytearray(sample.encode())
        for place, index in zip(drawn[::2], drawn[1::2], strict=False):
            start = place * len(data) // 256
            data[start : start + index % 4] = table[index]
        return bytes(data)

    pieces = st.binary(max_size=60).map(lambda drawn: b"".join(table[index] for index in drawn))
    corrupted = st.binary(max_size=16).map(corrupt)
    return st.one_of(pieces, corrupted, corrupted, st.binary(max_size=200))


ANY = st.one_of([soup(tokens, SAMPLES[format]) for format, tokens in TOKENS.items()])


def check_message(message: str) -> None:
    """One line, fit to be shown."""
    assert message and len(message) < 1000, message
    assert message.isprintable(), message


def check_row(row: Row) -> None:
    """A row that says nothing impossible, or what is the matter with it."""
    assert re.fullmatch(r"standard input:[1-9][0-9]*", row.place)
    if row.fault is not None:
        check_message(row.fault)
        return
    assert row.prompt == row.prompt.strip() != ""
    row.prompt.encode()
    for name, value in row.settings.items():
        column = COLUMNS[name]
        assert type(value) is column.kind
        assert isinstance(value, str | bool) or column.low <= value <= column.high


def read_all(data: bytes, format: str | None) -> list[Row]:
    """The rows of the data, checked; none where it is refused in one line that names file and line."""
    rows: list[Row] = []
    started = time.process_time()
    try:
        rows.extend(itertools.islice(read_prompts(io.BytesIO(data), format=format), 3000))
    except PromptFileError as error:
        check_message(str(error))
        assert re.match(r"standard input:[1-9][0-9]*: |standard input: holds no prompt", str(error)), error
    assert time.process_time() - started < SLOW_S
    for row in rows:
        check_row(row)
    return rows


@pytest.mark.parametrize("format", FORMATS)
@fuzz
@given(st.data())
def test_a_reader_gives_rows_or_one_line(format: str, data: st.DataObject) -> None:
    read_all(data.draw(soup(TOKENS[format], SAMPLES[format])), format)


@fuzz
@given(ANY)
def test_whatever_format_it_is_taken_for(data: bytes) -> None:
    read_all(data, None)


@fuzz
@given(ANY)
def test_a_folder_of_anything(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        try:
            rows = list(itertools.islice(read_prompts("."), 100))
        except PromptFileError as error:
            check_message(str(error))
            assert re.match(r"a\.txt:[1-9][0-9]*: |\.: holds no prompt", str(error)), error
        else:
            assert {row.source for row in rows} == {"a.txt"}


@fuzz
@given(soup([], "a {2$$red|0.5::blue} __colour__ ${x=!{a|b}}${x} in {1-2$$ and $$__birds/*__|c}"))
def test_templates_are_resolved_or_the_row_says_why_not(wildcards: Path, drawn: bytes) -> None:
    template = drawn.decode("utf-8", "replace")
    rows = [Row(prompt=template, source="-", line=1, settings={"negative_prompt": template})]
    started = time.process_time()
    for combinatorial in (False, True):
        made = list(resolve(rows, wildcards=wildcards, combinatorial=combinatorial, most=20))
        assert 1 <= len(made) <= 20
        for row in made:
            assert row.fault is not None or not template.strip() or row.prompt == row.prompt.strip() != ""
            if row.fault is not None:
                check_message(row.fault)
        again = list(resolve(rows, wildcards=wildcards, combinatorial=combinatorial, most=20))
        assert made == again
    assert time.process_time() - started < SLOW_S
