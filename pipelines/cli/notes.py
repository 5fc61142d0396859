"""Options and settings that the run at hand will not use: refused where they can be, else said once."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console

from ...engine.errors import InputError
from ...engine.messages import shown
from ...prompts.settings import COLUMNS, START_COLUMNS
from ..rendering.rows.image_rows import has_image_input
from ..rendering.rows.tasks import Task
from ..text_to_image import TextToImage
from ..unused_settings import unread_by, unused

BASES = ("image", "sketch", "starts_from")


def option_of(name: str) -> str:
    """The option of the command line for a setting, as messages show it."""
    row = COLUMNS[name]
    return f"--{(*row.short, name)[0].replace('_', '-')}"


def refuse_what_nothing_takes(wishes: Mapping[str, Any], *, from_text: bool) -> None:
    """Raise InputError for options that cannot mean anything beside the others.

    Args:
        from_text: prompts are given on the command line, so that no row can start from a picture of its own.
    """
    start = [name for name in wishes if name in START_COLUMNS]
    if from_text and start and not any(name in BASES for name in start):
        option = option_of(start[0])
        bases = "--image or --sketch" if start[0] == "strength" else "--image"
        raise InputError(f"{option} is for a picture to start from: name that with {bases}, or leave it out")


class UnusedNotes:
    """Tells of settings that change nothing, each once, with the first row that has it.

    Args:
        wishes: settings for all rows.

    Raises:
        InputError: a scheduler is wished for, and the recipe takes none.
    """

    def __init__(self, pipe: TextToImage, wishes: Mapping[str, Any]) -> None:
        if "scheduler" in wishes and (why := unread_by(pipe.runner.chain).get("scheduler")):
            said = f"--scheduler {shown(wishes['scheduler'], quoted=False)}"
            raise InputError(f"{said}: recipe {pipe.recipe.name} cannot use it: {why}: leave it out")
        self._pipe = pipe
        self._wishes = wishes
        self._told: set[str] = set()
        self.first: list[str] = []  # that were told of the first task whose request somebody wanted
        self._is_first = True

    def of(self, tasks: Iterator[Task], console: Console) -> Iterator[Task]:
        """The same tasks; those are looked at of which somebody wanted the request, once they have passed: one
        that is done already costs nothing."""
        for task in tasks:
            yield task
            if task.is_made:
                for line in self._lines(task):
                    console.print(line, soft_wrap=True)

    def _lines(self, task: Task) -> list[str]:
        """What is to be told of a task."""
        found = {name: why for name, why in self._unused(task).items() if name not in self._told}
        self._told |= found.keys()
        lines = [f"diptych: {self._place(name, task)} is not used: {why}" for name, why in found.items()]
        if self._is_first:
            self.first += lines
        self._is_first = self._is_first and task.request is None
        return lines

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
