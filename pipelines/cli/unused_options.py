"""Options and settings that the run at hand will not use: refused where they can be, else said once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console

from ...engine.errors import InputError
from ...engine.messages import shown
from ...prompts.row import Row
from ...prompts.settings import COLUMNS, START_COLUMNS
from ..rendering.rows.image_rows import has_image_input
from ..rendering.rows.tasks import Task
from ..rendering.sweep import Axis
from ..text_to_image import TextToImage
from ..unused_settings import marks_without_effect, unread_by, unused

_OWN_HOLDS = "is not used where a row says it itself"
_SIDES = {"height", "width"}
MOST_TOLD = 20  # lines
BASES = ("image", "sketch", "starts_from")


def option_of(name: str) -> str:
    """The option of the command line for a setting, as messages show it."""
    row = COLUMNS[name]
    return f"--{(*row.short, name)[0].replace('_', '-')}"


def refuse_what_nothing_takes(
    wishes: Mapping[str, Any], *, from_text: bool, swept: Iterable[Axis] = ()
) -> None:
    """Raise InputError for options that cannot mean anything beside the others.

    Args:
        swept: what --sweep goes through.
        from_text: prompts are given on the command line, so that no row can start from a picture of its own.
    """
    for name in (axis.name for axis in swept):
        if name in wishes:
            said = f"{option_of(name)} {shown(wishes[name], quoted=False)}"
            raise InputError(f"{said}: --sweep goes through values of it: leave out one of them")
    start = [name for name in wishes if name in START_COLUMNS]
    if from_text and start and not any(name in BASES for name in start):
        option = option_of(start[0])
        bases = "--image or --sketch" if start[0] == "strength" else "--image"
        raise InputError(f"{option} is for a picture to start from: name that with {bases}, or leave it out")


class Once:
    """Says each thing once, and no more than so many.

    Attributes:
        said: what was, by names; they may have been said in an earlier run, of what is not looked at again.
    """

    def __init__(self, console: Console, *, most: int | None = None) -> None:
        self._console = console
        self._most = most
        self.said: dict[str, str] = {}

    def say(self, name: str, line: str) -> None:
        if name not in self.said and (self._most is None or len(self.said) < self._most):
            self.said[name] = line
            self._console.print(f"diptych: {line}", soft_wrap=True)

    def recall(self, said: Mapping[str, str]) -> None:
        """Say what an earlier run said, but for what was said already."""
        for name, line in said.items():
            self.say(name, line)


def told_of(
    rows: Iterable[Row], wishes: Mapping[str, Any], once: Once, *, copies: int | None = None
) -> Iterator[Row]:
    """The same rows; what of them is not carried out as somebody may expect is told once, with the first such
    row: an option beside which a row says something else itself, which holds.

    Args:
        wishes: settings for all rows, the seed among them where it was said.
        copies: pictures of each row, where that was said.
    """
    for row in rows:
        if copies is not None and row.copies not in (None, copies):
            once.say("copies", f"-n {copies} {_OWN_HOLDS}, as {row.place} does: {row.copies}")
        for name, option, own in _overridden(row, wishes):
            once.say(name, f"{option} {_OWN_HOLDS}, as {row.place} does: {own}")
        yield row


def _overridden(row: Row, wishes: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Of each option beside which a row says something else: a name, the option, and what the row says."""
    found = [name for name in wishes if name in row.settings and not _alike(row.settings[name], wishes[name])]
    if wishes.keys() >= _SIDES and _SIDES & {*found}:  # by --size, or as two options: it is one thing
        own = {**wishes, **row.settings}
        yield "size", f"size {wishes['width']}x{wishes['height']}", f"{own['width']}x{own['height']}"
        found = [name for name in found if name not in _SIDES]
    for name in found:
        wished, own = (shown(each, quoted=False) for each in (wishes[name], row.settings[name]))
        yield name, f"{option_of(name)} {wished}", f"{(*COLUMNS[name].short, name)[0]} = {own}"


def _alike(one: object, other: object) -> bool:
    return one == other or str(one) == str(other)


class UnusedNotes:
    """Tells of settings that change nothing, each once, with the first row that has it.

    Args:
        wishes: settings for all rows.

    Raises:
        InputError: a scheduler is wished for, and the recipe takes none.
    """

    def __init__(self, pipe: TextToImage, wishes: Mapping[str, Any], console: Console) -> None:
        if "scheduler" in wishes and (why := unread_by(pipe.runner.chain).get("scheduler")):
            said = f"--scheduler {shown(wishes['scheduler'], quoted=False)}"
            raise InputError(f"{said}: recipe {pipe.recipe.name} cannot use it: {why}: leave it out")
        self._pipe = pipe
        self._wishes = wishes
        self._once = Once(console)
        self.first: dict[str, str] = {}  # what was said of the first task whose request somebody wanted
        self._is_first = True

    def of(self, tasks: Iterator[Task]) -> Iterator[Task]:
        """The same tasks; those are looked at of which somebody wanted the request, once they have passed: one
        that is done already costs nothing."""
        for task in tasks:
            yield task
            if task.is_made:
                self._say(task)

    def recall(self, said: Mapping[str, str]) -> None:
        """Say what an earlier run said of its first task, which is not looked at again."""
        self._once.recall(said)
        self.first |= said
        self._is_first = False

    def _say(self, task: Task) -> None:
        for name, why in self._unused(task).items():
            self._once.say(name, f"{self._place(name, task)} is not used: {why}")
        for mark, why in marks_without_effect(self._pipe, task.request).items() if task.request else ():
            self._once.say(mark, f"{task.row.place}: {mark} is not applied: {why}")
        if self._is_first:
            self.first |= self._once.said
        self._is_first = self._is_first and task.request is None

    def _unused(self, task: Task) -> dict[str, str]:
        request, own = task.request, task.row.settings
        if request is None:
            return {}
        found = unused(self._pipe, request, {**self._wishes, **own})
        start = [name for name in self._wishes if name in START_COLUMNS and name not in own]
        if start and (has_image_input(own) or request.start is None):
            said = "starts from something else" if request.start is not None else "starts from no picture"
            found |= {name: f"{task.row.place} {said}" for name in start if name not in task.started_from}
        return found

    def _place(self, name: str, task: Task) -> str:
        return f"{task.row.place}: {name}" if name in task.row.settings else option_of(name)
