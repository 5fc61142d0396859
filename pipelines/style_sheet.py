"""StyleSheet: one subject in every style, on one sheet.

    sheet = StyleSheet.from_recipe("pocket")("a red boat at sunset")
    sheet.page.save("styles.png")

Pictures of it: `examples/README.md`.
"""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from ..engine.errors import InputError
from ..engine.messages import shown
from .calls.call import Call, prompts_of
from .calls.keywords import FrameOptions
from .calls.signature import spelled_out
from .render_result import RenderResult
from .sheets.grid import Labels, grid
from .vocabulary import usual, vocabulary_for
from .workflow import Workflow

if TYPE_CHECKING:
    import PIL.Image

MAX_STYLES = 100


@dataclasses.dataclass(frozen=True, repr=False)
class Sheet(RenderResult):
    """What came of a call: an outcome for each style that could be rendered."""

    title: str = ""
    styles: tuple[str, ...] = ()

    @property
    def page(self) -> "PIL.Image.Image":
        """All pictures, each above the name of its style, and what was not drawn; a place is empty where one
        failed."""
        images, captions = self.captioned(self.styles)
        columns = len(images) if len(images) <= 5 else -(-len(images) // (-(-len(images) // 5)))
        return grid(images, columns=columns, labels=Labels(title=self.title, captions=captions))


class StyleSheet(Workflow):
    """One subject over many styles, all from one seed."""

    @spelled_out
    def __call__(
        self,
        subject: str,
        *,
        styles: Sequence[str] = (),
        seed: int | None = None,
        **call: Unpack[FrameOptions],
    ) -> Sheet:
        """Render the subject in each style.

        Args:
            subject: what to paint, in words.
            styles: in words, such as "in watercolour"; those that the recipe's planner knows, if not given.
            seed: of all pictures.
            call: as `TextToImage`'s.

        Raises:
            InputError: no subject; too many styles; a prompt or setting that is wrong.
            DiptychError: no picture could be made; the subject cannot be planned.
        """
        said = Call.of({**call, "seed": seed}, known=("styles",), one_each=True)
        seed, watch = said.one_seed, said.watcher(self)
        if not isinstance(subject, str):
            raise InputError(f"subject = {shown(subject)}: must be text")
        if isinstance(styles := prompts_of(styles, called="styles"), str):
            styles = [styles]
        if not subject.strip():
            raise InputError("the subject is empty: say what the pictures should show")
        chosen = tuple(styles) or usual(vocabulary_for(self.pipe.recipe), "style")
        if len(chosen) > MAX_STYLES:
            raise InputError(f"{len(chosen)} styles: a sheet has room for {MAX_STYLES}")
        by_itself = self.pipe.request(subject, seed=seed, **said.wishes)
        self.plans([by_itself], watch)  # a style's words must not make up for a subject that means nothing
        requests = [
            self.pipe.request(f"{subject}, {style}", seed=seed, row=row, **said.wishes)
            for row, style in enumerate(chosen, start=1)
        ]
        result = self.result(requests, watch, wishes=said.wishes)
        return Sheet(
            result.outcomes, result.failures, output_type=said.output_type, title=subject, styles=chosen
        )
