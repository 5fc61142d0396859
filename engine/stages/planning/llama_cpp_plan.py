"""plan: a chat model from a GGUF file, by llama.cpp on the CPU; asked as one behind a server is."""

from collections.abc import Sequence
from typing import Annotated

from ...errors import InputError
from ...guards.threads import usable_cores
from ...models.language.llama_cpp import file_of, served, sizes_of
from ...remote.server import Server
from ...stage import ModelKey, Models, RunContext
from ...values import Plan, Request, Settings
from ...values.setting import Setting, declared
from .server_plan import ServerPlanStage

_DRAWN = declared(Settings)


class LlamaCppPlanStage(ServerPlanStage):
    """Request to Plan. The weights are mapped from the file while a micro-batch lasts, and count as its work.

    Args:
        model: its checkpoint is a GGUF file.
        context: tokens of a prompt, its instructions and the answer together.
        timeout_seconds: that one answer may take.
        temperature, top_p, max_tokens, instructions, must_agree: as `ServerPlanStage` has them.

    Raises:
        InputError: there is no room for a prompt beside `max_tokens`.
    """

    asks_others = False

    def __init__(
        self,
        *,
        model: ModelKey[object],
        context: Annotated[int, Setting("Prompt and answer.", low=64, high=1_000_000)] = 4096,
        timeout_seconds: Annotated[float, Setting("Of an answer.", low=0.1, high=86_400.0)] = 600.0,
        temperature: Annotated[float, _DRAWN["temperature"]] = 1.0,
        top_p: Annotated[float, _DRAWN["top_p"]] = 0.9,
        max_tokens: Annotated[int, Setting("Of an answer.", low=1, high=1_000_000)] = 1024,
        instructions: str = "",
        must_agree: bool = True,
    ) -> None:
        if max_tokens >= context:
            raise InputError(f"max_tokens = {max_tokens}: must be less than context = {context}")
        super().__init__(
            url="http://127.0.0.1/v1",  # the server's own stands for it while it works
            timeout_seconds=timeout_seconds,
            temperature=temperature,
            top_p=top_p,
            max_tokens=max_tokens,
            instructions=instructions,
            must_agree=must_agree,
        )
        self._checkpoint = model.checkpoint
        self._context = context

    def workspace(self, batch: Sequence[Request]) -> int:
        """The file, keys and values, and the work on what is read together; for one row at a time."""
        path = file_of(self._checkpoint)
        sizes = sizes_of(path)
        return path.stat().st_size + self._context * sizes.bytes_a_token + sizes.reading

    def rehearse(self, request: Request, models: Models, /) -> None:
        """Make sure that the file is one, and that what reads it is there.

        Raises:
            CheckpointError, InputError: they are not.
        """
        sizes_of(file_of(self._checkpoint))

    def run(self, batch: Sequence[Request], models: Models, context: RunContext) -> list[Plan]:
        """As `ServerPlanStage.run`; the model comes and goes with it."""
        with served(
            file_of(self._checkpoint),
            context=self._context,
            threads=usable_cores(),
            timeout_seconds=self.server.address.timeout_seconds,
        ) as address:
            return self.plans_by(Server(address), batch, context)
