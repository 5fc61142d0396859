"""How a pipeline's call is made: which arguments it takes, how its steps are followed, what it gives, and what
its rows have in common."""

import contextlib
import inspect
import types
import typing
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

import torch

from ....errors import InputError
from ....guards.finite import finite_rows
from ..pipeline_families import ALWAYS, other_size
from .kinds import kind_of

Encoded = tuple[object, ...]
"""What each call of a pipeline's `encode_prompt` gave for one row, in order: tensors whose first axis is rows
(or which are the same for all rows), lists of tensors with one for each row, and `None`s; on the CPU."""

OnStep = Callable[[int, int], None]
"""Called with `i` and `n` when step i of n, from 1, is done. May raise to stop."""

_BY_ROW = ("prompt", "negative_prompt", "image", "mask_image", "prior_token_ids", "generator")
"""Arguments of a call that hold something for each row."""
_LEAST_SCALE = 4  # pixels on a side of what one latent stands for, in the least autoencoder of any pipeline


def accepted(pipeline: object, arguments: Mapping[str, object]) -> dict[str, object]:
    """Those of the arguments that the pipeline's call takes, and `ALWAYS`; a text instead of a list of one
    where it reads no lists."""
    taken = inspect.signature(type(pipeline).__call__).parameters
    call = {name: value for name, value in {**ALWAYS, **arguments}.items() if name in taken}
    for name, value in call.items():
        if isinstance(value, list) and tuple_of(taken[name].annotation):
            call[name] = tuple(value)  # a recipe has lists alone
    if isinstance(pictures := call.get("image"), list) and pictures and isinstance(pictures[0], list):
        (own,) = pictures  # those of the one row that editors take
        call["image"] = own if len(own) > 1 else own[0]
    if kind_of(type(pipeline)).one_text:
        for name in ("prompt", "negative_prompt"):
            if isinstance(said := call.get(name), list):
                (call[name],) = said
    return call


def tuple_of(hint: Any, *, usual: object = None) -> tuple[Any, ...]:
    """Of an argument that is a tuple of so many numbers, or may be left out, their types: `(int, int)` for
    SDXL's `original_size`. Empty for any other.

    Args:
        usual: its default, which has as many as there must be, where the library says `tuple[int]` and means
            several.
    """
    numbers = _numbers_in(hint, tuple)
    return numbers * len(usual) if len(numbers) == 1 and isinstance(usual, tuple) else numbers


def list_of(hint: Any) -> Any:
    """Of an argument that is a list of numbers, or may be left out, their type; `None` for any other."""
    return next(iter(_numbers_in(hint, list)), None)


def _numbers_in(hint: Any, kind: type) -> tuple[Any, ...]:
    options = [hint]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        options = [each for each in typing.get_args(hint) if each is not types.NoneType]
    if len(options) != 1 or typing.get_origin(options[0]) is not kind:
        return ()
    numbers = tuple(each for each in typing.get_args(options[0]) if each is not ...)
    return numbers if all(each in (int, float) for each in numbers) else ()


def row_of(arguments: Mapping[str, object], i: int) -> dict[str, object]:
    """The arguments of a call for one of its rows."""
    return {
        name: value[i : i + 1] if name in _BY_ROW and isinstance(value, list | torch.Tensor) else value
        for name, value in arguments.items()
    }


def picture_of(output: Any) -> torch.Tensor:
    """The one picture that a call gave, float32 on the CPU (height, width, 3), 0 to 1; what can be seen through
    lies over white."""
    (picture,) = output.images if hasattr(output, "images") else output.image
    shades = torch.from_numpy(picture).float()
    if shades.shape[-1] == 4:
        shades = torch.lerp(torch.ones_like(shades[..., :3]), shades[..., :3], shades[..., 3:])
    return shades


def refuse_other_size(method: Callable[..., Any], args: Any, kwargs: Any, wanted: Mapping[str, object]) -> None:
    """Raise `InputError` where a pipeline is about to draw noise for a picture of another size than was asked
    for, as some do that round sizes; what it draws may be counted in pixels or in latents.

    Args:
        method: its `prepare_latents`, called with these `args` and `kwargs`.
        wanted: the arguments of its call.
    """
    said = inspect.signature(method).bind(*args, **kwargs).arguments
    drawn = [said.get(side) for side in ("height", "width")]
    asked = [wanted.get(side) for side in ("height", "width")]
    if not all(isinstance(side, int) and side > 0 for side in (*drawn, *asked)) or drawn == asked:
        return
    height, width = (int(each) for each in drawn)  # pyright: ignore[reportArgumentType]
    scales = {int(each) / side for each, side in zip(asked, (height, width), strict=True)}  # pyright: ignore[reportArgumentType]
    if len(scales) == 1 and min(scales) >= _LEAST_SCALE:
        return
    name = getattr(getattr(method, "__self__", None), "__class__", type(method)).__name__
    raise InputError(other_size(name, asked[0], asked[1], height, width))  # pyright: ignore[reportArgumentType]


def without_pictures(method: Callable[..., Any], args: Any, kwargs: Any) -> dict[str, Any]:
    """The arguments of a pipeline's `prepare_latents` by name, without the pictures that it would encode again
    for nothing, where it can do without."""
    said = inspect.signature(method).bind(*args, **kwargs)
    return {name: None if name in ("image", "images") else value for name, value in _flat(said).items()}


def _flat(said: inspect.BoundArguments) -> dict[str, Any]:
    """Arguments by name, those among `**kwargs` too."""
    found = dict(said.arguments)
    for name, each in said.signature.parameters.items():
        if each.kind is inspect.Parameter.VAR_KEYWORD and name in found:
            found |= found.pop(name)
    return found


class Steps:
    """Follows a pipeline's loop, step by step; keeps the latents as the last step left them, before anything
    that the call does with them on the way out."""

    def __init__(self, scheduler: Any, on_step: OnStep) -> None:
        self._scheduler, self._on_step = scheduler, on_step
        self._count = 0
        self.latents: torch.Tensor | None = None

    def arguments(self, pipeline: object) -> dict[str, object]:
        """Those of the pipeline's call that let it tell of its steps; some older ones call them otherwise.
        Where it tells of none, its scheduler does."""
        taken = inspect.signature(type(pipeline).__call__).parameters
        if "callback_on_step_end" in taken:
            return {"callback_on_step_end": self._at_end}
        if "callback" in taken:
            return {"callback": self._after, "callback_steps": 1}
        step = self._scheduler.step

        def stepped(*args: Any, **kwargs: Any) -> Any:
            result = step(*args, **kwargs)
            self._count += 1
            self._note(self._count - 1, result[0], 0)
            return result

        vars(self._scheduler)["step"] = stepped
        return {}

    def _at_end(self, pipeline: Any, i: int, _: object, kept: dict[str, Any]) -> dict[str, Any]:
        self._note(i, kept["latents"], getattr(pipeline, "num_timesteps", 0))
        return kept

    def _after(self, i: int, _: object, latents: torch.Tensor) -> None:
        self._note(i, latents, 0)

    def _note(self, i: int, latents: torch.Tensor, count: int) -> None:
        self.latents = latents
        self._on_step(i + 1, max(i + 1, count or len(self._scheduler.timesteps)))


def playing_back(encoded: Sequence[Encoded], device: torch.device) -> Callable[..., object]:
    """An `encode_prompt` that gives what was kept of these rows, call by call."""
    calls: Iterator[object] = iter([_together(each, device) for each in zip(*encoded, strict=True)])
    return lambda *_, **__: next(calls)


def rows_alike(encoded: Sequence[Encoded]) -> bool:
    """Whether these rows can be denoised together: each tensor has an axis of rows, or is the same for all."""
    return all(_alike(each) for each in zip(*encoded, strict=True))


def _alike(rows: Sequence[Any]) -> bool:
    first = rows[0]
    if isinstance(first, torch.Tensor):
        if _axis(first) is not None:
            return all(_axis(row) == _axis(first) for row in rows)
        return all(row.shape == first.shape and torch.equal(row, first) for row in rows)
    if isinstance(first, tuple):
        return all(_alike(each) for each in zip(*rows, strict=True))
    return all(isinstance(row, type(first)) for row in rows)


def _axis(tensor: torch.Tensor) -> int | None:
    """That of the rows, in what was encoded for one: the first, or in a stack of layers the second."""
    if tensor.ndim and tensor.shape[0] == 1:
        return 0
    return 1 if tensor.ndim == 4 and tensor.shape[1] == 1 else None


def _together(rows: Sequence[Any], device: torch.device) -> object:
    """What `encode_prompt` would have given for these rows at once."""
    first = rows[0]
    if isinstance(first, torch.Tensor):
        axis = _axis(first)
        return (first if axis is None else torch.cat(list(rows), axis)).to(device)
    if isinstance(first, tuple):
        return tuple(_together(each, device) for each in zip(*rows, strict=True))
    if isinstance(first, list):
        return [item.to(device) for row in rows for item in row]
    return first


def on_cpu(value: object) -> object:
    if isinstance(value, torch.Tensor):
        return value.cpu()
    if isinstance(value, tuple | list):
        return type(value)(on_cpu(each) for each in value)
    return value


def blank(arguments: Mapping[str, object]) -> dict[str, object]:
    """A picture, a mask and a strength for a call that reads them, where none of them matters."""
    import PIL.Image

    size = (int(arguments["width"]), int(arguments["height"]))  # pyright: ignore[reportArgumentType]
    return {
        "image": [PIL.Image.new("RGB", size, (128, 128, 128))],
        "mask_image": [PIL.Image.new("L", size, 255)],
        "strength": 1.0,
    }


@contextlib.contextmanager
def decoding_in_tiles(vae: Any, wanted: bool) -> Generator[None]:
    """Within the block an autoencoder that can decodes a part of the picture at a time, if that is wanted."""
    if not wanted or not hasattr(vae, "enable_tiling"):
        yield
        return
    vae.enable_tiling()
    try:
        yield
    finally:
        vae.disable_tiling()


@contextlib.contextmanager
def counting_infinities(vae: Any) -> Generator[Callable[[], int]]:
    """Within the block it is looked at what an autoencoder's decoder gives; what is given here says how often
    that held NaN or infinity, which a pipeline makes black or white."""
    decoder = getattr(vae, "decoder", None)
    if not isinstance(decoder, torch.nn.Module):
        yield lambda: 0
        return
    sound: list[torch.Tensor] = []

    def look(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        sample = getattr(output, "sample", output)
        if isinstance(sample, torch.Tensor):
            sound.append(finite_rows(sample).all())

    handle = decoder.register_forward_hook(look)
    try:
        yield lambda: sum(not bool(each) for each in sound)
    finally:
        handle.remove()
