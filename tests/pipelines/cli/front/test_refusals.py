"""Whatever is typed: no traceback, one line of bounded length, and a status that says whose fault it is."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.__main__ import whole_app
from diptych.engine.errors import InputError
from diptych.pipelines.cli.front import run as running
from diptych.pipelines.cli.front.refusals import FAULT, MOST_CHARACTERS, command_of, one_line, shortened

from ..conftest import Run


def commands(command: Any, *names: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All commands below one, by what is typed to reach them."""
    for name, each in getattr(command, "commands", {}).items():
        yield (*names, name), each
        yield from commands(each, *names, name)


ALL = dict(commands(command_of(whole_app())))
OPTIONS = sorted(
    {name for each in ALL.values() for param in each.params for name in param.opts if name[0] == "-"}
)

words = st.one_of(
    st.sampled_from(OPTIONS),
    st.text(max_size=12),
    st.text(st.characters(codec="utf-8"), min_size=200, max_size=400),
    st.sampled_from(
        [
            "",
            "-",
            "--",
            "-1",
            "nan",
            "inf",
            "1e400",
            "9" * 5000,
            "/",
            "/dev/null",
            "\x00",
            "a\x00b",
            "\udcc3",
            "~x",
        ]
    ),
    st.builds("{}={}".format, st.sampled_from(OPTIONS), st.text(max_size=8)),
)
lines = st.tuples(st.sampled_from(sorted(ALL)), st.lists(words, max_size=6)).map(
    lambda each: [*each[0], *each[1]]
)


@settings(
    max_examples=600,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(arguments=st.one_of(lines, st.lists(words, max_size=4)))
def test_whatever_is_typed_is_understood_or_refused_in_one_line(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(running, "command_of", lambda app: with_nothing_done(command_of(app)))
        patched.setattr(sys, "argv", ["diptych", *arguments])
        with pytest.raises(SystemExit) as ended:
            running.run_app(whole_app(), arguments)
    err = capsys.readouterr().err
    assert ended.value.code in (0, 2), (arguments, err)
    said = [line for line in err.splitlines() if "--seed -1 is any" not in line]
    assert len(said) == (1 if ended.value.code else 0), (arguments, err)
    assert all(line.startswith("diptych: ") and len(line) <= MOST_CHARACTERS + 50 for line in said), err


def with_nothing_done(command: Any) -> Any:
    """The command line with all commands' work taken out of it."""
    for each in getattr(command, "commands", {}).values():
        with_nothing_done(each)
    command.callback = command.callback and (lambda **given: None)
    return command


def app_that(error: BaseException) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    def work(text: str = "") -> None:
        raise error

    return app


def ends(error: BaseException, *arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        running.run_app(app_that(error), arguments)
    return int(ended.value.code or 0)


PLACE = r"fault in \S*(front/run|test_refusals)\.py, line \d+: "
"""The deepest place in the package, where that is installed; in its sources the tests are a part of it."""


def test_a_fault_is_one_line_with_what_and_where_and_a_traceback_is_shown_on_demand(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ends(KeyError("x")) == FAULT
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "KeyError: 'x'" in err and re.search(PLACE, err) and "report" in err
    assert ends(KeyError("x"), "--traceback") == FAULT
    assert "Traceback (most recent call last)" in capsys.readouterr().err
    monkeypatch.setenv("DIPTYCH_TRACEBACK", "1")
    assert ends(InputError("no")) == 2
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_an_error_of_the_system_names_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert ends(PermissionError(13, "Permission denied", "/a/b.png")) == FAULT
    assert capsys.readouterr().err.startswith("diptych: /a/b.png: Permission denied")


def test_ctrl_c_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert ends(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "diptych: stopped\n"


def test_long_values_are_shortened_wherever_they_are_echoed(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 26_000
    assert ends(InputError(f"{long}: no such thing, {long!r}"), f"--text={long}") == 2
    err = capsys.readouterr().err
    assert len(err) < 300 and "no such thing" in err
    assert len(one_line("\n".join(["word"] * 9000))) <= MOST_CHARACTERS + 10
    assert shortened("short: no", ["short"]) == "short: no"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rendr"], "no such command 'rendr'. Did you mean 'render', 'rerender'? diptych --help says more"),
        (
            ["render", "--sede", "5"],
            "render: no such option: --sede: did you mean --seed? diptych render --help",
        ),
        (["render", "--seed"], "--seed: its value is missing: write --seed VALUE"),
        (["score"], "score: PICTURES is missing: "),
    ],
)
def test_a_slip_is_told_what_is_meant(run: Run, arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert (result.status, result.out) == (2, "") and result.err.startswith(f"diptych: {said}"), result.err


@pytest.mark.parametrize(
    "option",
    ["--recipe", "--device", "--only", "--memory", "--out", "--wildcards", "--sweep", "--settings", "--ray"],
)
def test_the_values_of_options_may_be_anything(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for value in ("y" * 26_000, "a\x00b", "/dev/null/x"):
        result = run("render", "-p", "a boat", "-o", tmp_path / "out", option, value)
        assert result.status == 2 and result.err.count("\n") == 1 and len(result.err) < 700, result
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["a red boat " * 40, "x" * 300, "a\x00b", "~nobody"])
def test_text_where_a_file_should_stand_is_told_where_text_goes(run: Run, tmp_path: Path, text: str) -> None:
    for command in ("render", "prompts"):
        result = run(command, text)
        assert result.status == 2 and result.err.count("\n") == 1 and "-p" in result.err, result.err
