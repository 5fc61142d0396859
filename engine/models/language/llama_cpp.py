"""A chat model from a GGUF file, by llama.cpp on the CPU: `xllamacpp` carries its server within this process.

The file is mapped while a block of work lasts, and let go after it. Nobody else knows the server's key.
"""

import contextlib
import dataclasses
import functools
import importlib
import secrets
from collections.abc import Generator
from pathlib import Path
from typing import Any

from ...errors import CheckpointError, InputError
from ...messages import first_line
from ...remote.address import Address

PACKAGE = "xllamacpp"
_AT_ONCE_TOKENS = 512  # that llama.cpp reads together
_QUIET = -1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Within(Address):
    """The address of a server in this process.

    Args:
        secret: its key.
    """

    secret: str = dataclasses.field(repr=False)

    @property
    def place(self) -> str:
        return f"by llama.cpp ({PACKAGE} {_package().__version__})"

    def key(self) -> str:
        return self.secret


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sizes:
    """What a file says of its model.

    Args:
        context: tokens that it was made for; 0 where it does not say.
        bytes_a_token: of keys and values, in float16.
        reading: bytes of the work on `_AT_ONCE_TOKENS`.
    """

    context: int
    bytes_a_token: int
    reading: int


def file_of(checkpoint: str) -> Path:
    """The GGUF file of this name.

    Raises:
        CheckpointError: there is none.
    """
    path = Path(checkpoint).expanduser()
    if path.suffix != ".gguf" or not path.is_file():
        what = "is no GGUF file" if path.exists() else "no such file"
        raise CheckpointError(f"{checkpoint}: {what}: name a GGUF file, such as ./model.gguf")
    return path


def sizes_of(path: Path) -> Sizes:
    """What the file says of its model.

    Raises:
        CheckpointError: it is damaged.
        InputError: what reads it is not installed.
    """
    status = path.stat()
    return _sizes(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _sizes(path: Path, size: int, changed_ns: int) -> Sizes:
    _package()
    try:
        gguf: Any = importlib.import_module("gguf")
    except ImportError:
        raise _not_installed() from None
    try:
        read: Any = gguf.GGUFReader(str(path))

        def said(name: str, usual: Any = None) -> Any:
            field = read.fields.get(name)
            return usual if field is None else field.contents()

        kind = said("general.architecture")
        layers, width = said(f"{kind}.block_count"), said(f"{kind}.embedding_length")
        heads = _most(said(f"{kind}.attention.head_count"))
        shared = _most(said(f"{kind}.attention.head_count_kv", heads))
        each = said(f"{kind}.attention.key_length", width // heads)
        tokens = len(read.fields["tokenizer.ggml.tokens"].data)
        return Sizes(
            context=said(f"{kind}.context_length", 0),
            bytes_a_token=2 * 2 * layers * shared * each,
            reading=_AT_ONCE_TOKENS * 4 * (tokens + 8 * width),
        )
    except Exception as error:  # whatever a damaged file leads to
        reason = first_line(error, named=True)
        raise CheckpointError(f"{path}: is damaged, or no model ({reason}): copy it again") from None


def _most(value: Any) -> int:
    return int(max(value)) if isinstance(value, list | tuple) else int(value)


@contextlib.contextmanager
def served(path: Path, *, context: int, threads: int, timeout_seconds: float) -> Generator[Within]:
    """A server of the model in a file, while the block lasts.

    Args:
        context: tokens of a prompt and its answer together.

    Raises:
        CheckpointError: llama.cpp cannot load it.
    """
    library = _package()
    secret = secrets.token_hex(32)
    params = library.CommonParams()
    params.model.path = str(path)
    params.n_ctx = context
    params.n_parallel = 1  # a row's numbers do not depend on its neighbours
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.cache_prompt = False
    params.cache_ram_mib = 0
    params.api_keys = [secret]
    params.verbosity = _QUIET
    try:
        server = library.Server(params)
    except Exception as error:
        reason = first_line(error)
        raise CheckpointError(f"{path}: cannot be loaded by llama.cpp ({reason}): copy it again") from None
    try:
        yield Within(
            url=f"{server.listening_address}/v1",
            model=path.name,
            timeout_seconds=timeout_seconds,
            at_once=1,
            secret=secret,
        )
    finally:
        del server


def _package() -> Any:
    """Raises `InputError` where it is not installed."""
    try:
        import xllamacpp  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise _not_installed() from None
    return xllamacpp


def _not_installed() -> InputError:
    return InputError(f"GGUF files want the packages {PACKAGE} and gguf: pip install 'diptych[llama-cpp]'")
