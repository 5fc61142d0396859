"""Processors of transformers that read texts and pictures, without their part for videos: that needs
torchvision, and pictures do not."""

import functools
from typing import Any


@functools.cache
def for_pictures(kind: type[Any]) -> type[Any]:
    """A kind of processor without its part for videos, where it has one, which comes last."""
    attributes = kind.get_attributes()
    if attributes[-1] != "video_processor":
        return kind

    class ForPictures(kind):
        @classmethod
        def get_attributes(cls) -> list[str]:
            return attributes[:-1]

        @classmethod
        def _get_arguments_from_pretrained(cls, *where: Any, **how: Any) -> list[Any]:
            return [*super()._get_arguments_from_pretrained(*where, **how), None]

    ForPictures.__name__ = kind.__name__
    return ForPictures
