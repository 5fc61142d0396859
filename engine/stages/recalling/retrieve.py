"""retrieve: what a prompt speaks of is looked up in a folder of pictures with captions, and becomes references
of the request, by their captions' names: a planner so knows the words, and stages behind it the looks."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ...errors import InputError, RowError
from ...stage import Models, RunContext
from ...values import Reference, Request
from .captioned_folder import CaptionedFolder


class RetrieveStage:
    """Request to Request, with the pictures that its prompt speaks of as references behind its own.

    What a request has already, by name, is not taken again.

    Args:
        folder: of the pictures; see `CaptionedFolder`.
        limit: pictures of a request, at most.
        threshold: how much of a caption a prompt must say, 0 to 1; see `CaptionedFolder.find`.
        weight: of the references, 0 to 2.

    Raises:
        InputError: a number lies outside its range.
    """

    name = "retrieve"
    takes = Request
    gives = Request
    uses = ()
    reads = ()

    def __init__(self, *, folder: str, limit: int = 3, threshold: float = 0.5, weight: float = 1.0) -> None:
        if limit < 1 or not 0 <= threshold <= 1 or not 0 <= weight <= 2:
            raise InputError(
                f"limit = {limit}, threshold = {threshold}, weight = {weight}: must be 1 or more, 0 to 1, and"
                " 0 to 2"
            )
        self._path, self._limit, self._threshold, self._weight = Path(folder), limit, threshold, weight

    @functools.cached_property
    def _folder(self) -> CaptionedFolder:
        return CaptionedFolder(self._path.expanduser())

    def refuse(self) -> None:
        """Raise `InputError` where the folder cannot be used."""
        assert self._folder.entries, "a folder without pictures is refused"

    def workspace(self, batch: Sequence[Request]) -> int:
        """The pictures are on the CPU, and small."""
        return 0

    def run(self, batch: Sequence[Request], models: Models, context: RunContext) -> list[Request]:
        """Raises `RowError` for a picture that cannot be read."""
        found: list[Request] = []
        for i, request in enumerate(batch):
            try:
                found.append(self._with_references(request))
            except InputError as error:
                raise RowError(i, str(error)) from None
            context.step(i + 1, len(batch))
        return found

    def _with_references(self, request: Request) -> Request:
        named = {each.name for each in request.references}
        taken = self._folder.find(request.prompt, limit=self._limit, threshold=self._threshold)
        new = [
            Reference(picture=torch.from_numpy(entry.picture()), weight=self._weight, name=entry.name)
            for entry in {each.name: each for each in reversed(taken)}.values()
            if entry.name not in named
        ]
        return replace(request, references=(*request.references, *reversed(new))) if new else request
