"""A processor of transformers where texts are nearly all that is read: a tokenizer that answers as a processor
does.

A processor also reads pictures and video, for which it needs further packages; a pipeline that paints from text
asks it for no more than what its tokenizer knows. Where one edits pictures, the real processor reads them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers.processing_utils import ProcessorMixin

from ...checkpoint.tokenizer import load_tokenizer
from ...language.picture_processor import for_pictures


class TextProcessor(ProcessorMixin):
    """Answers for a processor; its tokenizer is read when it is first needed.

    Args:
        folder: of the processor.
        class_name: of the processor of transformers that reads pictures; empty where none ever come.
    """

    def __init__(self, folder: Path, class_name: str = "") -> None:
        self._folder = folder
        self._class_name = class_name
        self._tokenizer: Any = None
        self._whole: Any = None

    @property
    def tokenizer(self) -> Any:
        if self._tokenizer is None:
            self._tokenizer = load_tokenizer(self._folder)
        return self._tokenizer

    def __call__(self, text: Any = None, images: Any = None, videos: None = None, **options: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert videos is None, "texts and pictures are all that is read"
        if images is not None:
            return self._reader()(text=text, images=images, **options)
        options.setdefault("return_token_type_ids", False)
        return self.tokenizer(text=[text] if isinstance(text, str) else text, **options)

    def apply_chat_template(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, conversation: Sequence[Any], **options: Any
    ) -> Any:
        """As a processor's: one conversation gives a text, or a batch of one row of ids."""
        alone = isinstance(conversation[0], Mapping)
        if not options.get("tokenize", False):
            return self.tokenizer.apply_chat_template(conversation, **{**options, "tokenize": False})
        options.setdefault("return_dict", False)
        return self.tokenizer.apply_chat_template([conversation] if alone else conversation, **options)

    def _reader(self) -> Any:
        """The processor itself."""
        import transformers

        if self._whole is None:
            kind: Any = getattr(transformers, self._class_name)
            self._whole = for_pictures(kind).from_pretrained(self._folder, local_files_only=True)
        return self._whole

    def decode(self, *args: Any, **options: Any) -> Any:
        return self.tokenizer.decode(*args, **options)

    def batch_decode(self, *args: Any, **options: Any) -> Any:
        return self.tokenizer.batch_decode(*args, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.tokenizer, name)


def is_processor(class_name: str) -> bool:
    """Whether transformers has this class here; where a package is missing, it has a stand-in that is none."""
    import transformers

    found = getattr(transformers, class_name, None)
    return isinstance(found, type) and issubclass(found, ProcessorMixin)
