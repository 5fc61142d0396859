"""The folder of a pipeline that a recipe puts together: of a single file, of parts that lie elsewhere, of
configs that it names or that ship. Everything else reads it as it reads any pipeline's folder.

It lies in a temporary folder of this process, and holds links and small files alone: a component that lies in
    a folder is a link to it; of one in a single file there is its config, a link to the file, and a mark that
    says so.
"""

import atexit
import contextlib
import functools
import json
import os
import shutil
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ....errors import CheckpointError, InputError
from ....messages import did_you_mean
from ....stage import ModelKey
from ...checkpoint.bounded import is_file
from ...checkpoint.folder import folder_of, read_header, read_json, shown_name
from ...checkpoint.tokenizer import FILES
from ..pipeline_parts import COMPONENTS, DENOISER, read_index
from .fitting import refuse_unfit, refuse_vocabulary
from .known import Configs, configs_of, has_vocabulary, known_families, path_of, write_vocabulary
from .places import header_of, is_single_file, place_of
from .predicting import scheduler_settings
from .recognising import Found, Header, recognise, refuse_scaled
from .tensors import names_of

MARK = "single_file.json"
"""In the folder of a component whose weights a single file has: which."""

REAL: dict[str, str] = {}
"""What stands for a path of a folder made here, in messages."""


def pipeline_folder(key: ModelKey[Any]) -> Path:
    """The folder of the pipeline that a key names, put together where the recipe says so.

    Raises:
        CheckpointError: a part is missing, or does not fit the others.
    """
    if not is_put_together(key):
        return folder_of(key.checkpoint)
    named = [
        key.checkpoint,
        *(checkpoint for _, checkpoint in key.parts),
        *([key.config] if key.config else []),
    ]
    return _assembled(key.checkpoint, key.parts, key.config, tuple(_stamp(each) for each in named))


def is_put_together(key: ModelKey[Any]) -> bool:
    """Whether a key's pipeline is of a single file, or has parts from elsewhere."""
    return bool(key.parts or key.config) or is_single_file(key.checkpoint)


def single_file_in(folder: Path) -> Path | None:
    """The single file that has the weights of a component's folder; `None` where they lie in the folder
    itself."""
    if not (folder / MARK).is_file():
        return None
    return Path(read_json(folder / MARK)["file"])


def gguf_for(folder: Path) -> Path | None:
    """The GGUF file that has the weights of a component's folder; `None` where none has."""
    file = single_file_in(folder)
    return file if file is not None and file.suffix == ".gguf" else None


@contextlib.contextmanager
def by_real_names() -> Generator[None]:
    """What is said of a folder made here is said of what it is made of."""
    try:
        yield
    except CheckpointError as error:
        text = str(error)
        for made in sorted(REAL, key=len, reverse=True):
            text = text.replace(made, REAL[made])
        if text == str(error):
            raise
        raise CheckpointError(text) from error


def _stamp(checkpoint: str) -> tuple[str, int, int]:
    """Changes when what lies there does."""
    with contextlib.suppress(CheckpointError, OSError):
        place = place_of(checkpoint)
        status = (place / "model_index.json" if (place / "model_index.json").is_file() else place).stat()
        return str(place), status.st_mtime_ns, status.st_size
    return checkpoint, 0, 0


@functools.lru_cache(maxsize=32)
def _assembled(
    checkpoint: str, parts: tuple[tuple[str, str], ...], config: str, stamps: tuple[tuple[str, int, int], ...]
) -> Path:
    base = _base(checkpoint, config)
    sources = _sources(base, dict(parts), shown_name(checkpoint))
    refuse_unfit(base.entries, sources.configs, sources.told, whole=shown_name(checkpoint), own=base.configs)
    for name, _ in parts:
        _refuse_vocabulary(name, sources)
    return _written(base, sources, checkpoint)


def _refuse_vocabulary(part: str, sources: "_Sources") -> None:
    """Refuse a tokenizer whose words a text encoder does not have, where one of the two is a part."""
    if not part.startswith(("tokenizer", "text_encoder")):
        return
    tokenizer, encoder = (part.replace(old, new) for old, new in (_ENCODER, _ENCODER[::-1]))
    folder, config = sources.folders.get(tokenizer), sources.configs.get(encoder)
    if folder is not None and config is not None:
        refuse_vocabulary(folder, config, tokenizer=sources.told[tokenizer], encoder=sources.told[encoder])


_ENCODER = ("text_encoder", "tokenizer")


class _Base(NamedTuple):
    """What a pipeline is put together on.

    Args:
        entries: those of its `model_index.json`.
        configs: of its components, by path.
        folder: where those lie that are named nowhere else; `None` for a single file.
        file: the single file; `None` for a folder.
        configs_folder: that has tokenizers and a scheduler beside the configs.
    """

    entries: dict[str, Any]
    configs: Configs
    folder: Path | None = None
    file: Path | None = None
    header: Header = MappingProxyType({})
    found: Found = Found("")
    configs_folder: Path | None = None


def _base(checkpoint: str, config: str) -> _Base:
    place = place_of(checkpoint)
    if not is_file(place):
        index = read_index(place)
        if config:
            raise InputError(
                f"{shown_name(checkpoint)}: is a folder, which has configs of its own: leave config out"
            )
        return _Base(index, _configs_in(place, index), folder=place)
    header = header_of(place)
    refuse_scaled(header, place)
    found = recognise(header)
    configs, folder = _named_configs(config, found) if config else (None, None)
    if configs is None:
        configs = _as_predicted(_shipped(place, found), place, header, found)
    index = dict(configs["model_index.json"])
    return _Base(index, configs, file=place, header=header, found=found, configs_folder=folder)


def _shipped(file: Path, found: Found) -> Configs:
    """The configs of a file's family.

    Raises:
        CheckpointError: it is of none that ships.
    """
    if found.kind and found.kind != "model":
        raise CheckpointError(f"{file}: is no model that paints, but {_a(found.what)}: {found.do}")
    if not found.family:
        held = found.what or "no model that is known"
        raise CheckpointError(
            f"{file}: holds {held}, whose configs do not ship: name the folder of its pipeline, or of the"
            " configs"
            f" alone, as config; known are {', '.join(known_families())}"
        )
    return configs_of(found.family)


def _as_predicted(configs: Configs, file: Path, header: Header, found: Found) -> Configs:
    """A family's configs, with what the file says of what it predicts."""
    said = {} if file.suffix == ".gguf" else scheduler_settings(file, header, found.family)
    path = path_of("scheduler")
    changed: dict[str, Mapping[str, Any]] = {**configs, path: {**configs[path], **said}}
    if (
        found.family == "SD 2" and said.get("prediction_type") == "epsilon"
    ):  # its base model, for smaller pictures
        changed["unet/config.json"] = {**configs["unet/config.json"], "sample_size": 64}
    return changed


def _a(what: str) -> str:
    return what if what.endswith("weights") else f"{'an' if what[0].lower() in 'aeiou' else 'a'} {what}"


def _named_configs(config: str, found: Found) -> tuple[Configs, Path | None]:
    """The configs that a recipe names: a pipeline's folder, with or without weights; a file of several, by
    path; or the denoiser's own, the others being those of the file's family."""
    place = place_of(config)
    if not is_file(place):
        if (place / "model_index.json").is_file():
            index = read_index(place)
            return {"model_index.json": index, **_configs_in(place, index)}, place
        place = place / "config.json"
    table = read_json(place)
    if "model_index.json" in table:
        if all(isinstance(each, dict) for each in table.values()):
            return table, None
    elif "_class_name" in table and found.family:
        configs = configs_of(found.family)
        name = "unet" if "unet" in configs["model_index.json"] else "transformer"
        return {**configs, path_of(name): table}, None
    raise CheckpointError(
        f"{config}: holds no configs of a pipeline: give its folder, or a JSON object of model_index.json and"
        " the"
        " config of each component, by path"
    )


def _configs_in(folder: Path, index: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What the configs of a pipeline's components say, as far as they are there."""
    paths = [path_of(name) for name, entry in index.items() if isinstance(entry, list)]
    return {path: read_json(folder / path) for path in paths if (folder / path).is_file()}


class _Sources(NamedTuple):
    """Where each component comes from.

    Args:
        folders: to link to, by component.
        files: single files that have the weights, by component.
        made: small files to write, by path.
        configs: of components, by component.
        told: how a message calls each component's place.
    """

    folders: dict[str, Path]
    files: dict[str, Path]
    made: dict[str, Mapping[str, Any]]
    configs: dict[str, Mapping[str, Any]]
    told: dict[str, str]


def _sources(base: _Base, parts: Mapping[str, str], whole: str) -> _Sources:
    wanted = [name for name, entry in base.entries.items() if _is_wanted(name, entry)]
    for name in parts:
        if name not in wanted:
            kind = base.entries.get("_class_name")
            raise CheckpointError(
                f"{whole}: parts: {kind} has no {name!r}{did_you_mean(name, wanted)}; its parts are"
                f" {', '.join(wanted)}"
            )
    sources = _Sources({}, {}, {}, {}, {})
    missing = [name for name in wanted if not _find(name, base, parts, sources)]
    if missing:
        held = f"holds {base.found.what or 'a model'}"
        named = ", ".join(f'{name} = "…"' for name in missing)
        raise CheckpointError(
            f"{whole}: {held} without {', '.join(missing)}: name where"
            f" {'they lie' if missing[1:] else 'it lies'}, each a"
            f" folder, a single file or an id of the Hub: [stages.paint.parts] {named}"
        )
    return sources


def _is_wanted(name: str, entry: Any) -> bool:
    if not isinstance(entry, list) or len(entry) != 2 or not entry[0]:
        return False
    return name in COMPONENTS or name.startswith(("tokenizer", "scheduler", "processor"))


def _find(name: str, base: _Base, parts: Mapping[str, str], sources: _Sources) -> bool:
    """Note where a component comes from; false where nobody says."""
    config = base.configs.get(path_of(name))
    if name in parts:
        _find_part(name, parts[name], base, config, sources)
    elif base.folder is not None:
        sources.folders[name], sources.told[name] = base.folder / name, f"{base.folder / name}"
        if config is not None:
            sources.configs[name] = config
    elif name in COMPONENTS:
        assert base.file is not None, "a base is a folder or a file"
        if config is None or not (COMPONENTS[name] == DENOISER or names_of(base.header, name, config)):
            return False
        if base.file.suffix != ".gguf" and not names_of(base.header, name, config):
            return False
        sources.files[name], sources.configs[name], sources.told[name] = base.file, config, str(base.file)
    else:
        return _find_small(name, base, parts, config, sources)
    return True


def _find_part(
    name: str, checkpoint: str, base: _Base, config: Mapping[str, Any] | None, sources: _Sources
) -> None:
    place = place_of(checkpoint)
    sources.told[name] = shown_name(checkpoint)
    if is_file(place):
        if name not in COMPONENTS:
            raise CheckpointError(f"{place}: a {name} is a folder: name one with its files")
        if config is None:
            raise CheckpointError(
                f"{place}: nothing says what {name} this is: name the folder of one, with its config.json"
            )
        if place.suffix == ".gguf" and COMPONENTS[name] != DENOISER:
            raise CheckpointError(
                f"{place}: of GGUF files those of denoisers are read: name a folder or a .safetensors file for"
                f" {name}"
            )
        if place.suffix != ".gguf":
            header = read_header(place)
            if not (names := names_of(header, name, config)):
                raise CheckpointError(f"{place}: holds no {name}: name another file for it")
            config = {**config, **_channels_held(header, names)} if name == "vae" else config
        sources.files[name], sources.configs[name] = place, config
        return
    folder = place / name if (place / "model_index.json").is_file() else place
    if not folder.is_dir():
        raise CheckpointError(f"{checkpoint}: is a pipeline without {name}: name another one for it")
    sources.folders[name] = folder
    sources.told[name] = shown_name(checkpoint if folder == place else f"{checkpoint}/{name}")
    if name in COMPONENTS or name == "scheduler":
        sources.configs[name] = read_json(folder / Path(path_of(name)).name)


def _channels_held(header: Header, names: Mapping[str, str]) -> dict[str, int]:
    """Of an autoencoder's file, how many channels its latents have, as its config calls them."""
    held = names.get("decoder.conv_in.weight")
    return (
        {} if held is None or len(header[held]["shape"]) != 4 else {"latent_channels": header[held]["shape"][1]}
    )


def _find_small(
    name: str, base: _Base, parts: Mapping[str, str], config: Mapping[str, Any] | None, sources: _Sources
) -> bool:
    """A scheduler or tokenizer of a pipeline that is a single file: beside the configs that are named, beside
    the text encoder that it is for, or as the family has it."""
    beside = [base.configs_folder / name] if base.configs_folder is not None else []
    encoder = name.replace("tokenizer", "text_encoder")
    if name.startswith(("tokenizer", "processor")) and encoder in parts:
        place = place_of(parts[encoder])
        beside += [place / name, place.parent / name, place] if place.is_dir() else [place.parent / name]
    for folder in beside:
        has = [*FILES, "spiece.model"] if name != "scheduler" else ["scheduler_config.json"]
        if any((folder / each).is_file() for each in has):
            sources.folders[name], sources.told[name] = folder, str(folder)
            return True
    if config is None:
        return False
    if name != "scheduler" and not has_vocabulary(config):
        return False
    sources.made[path_of(name)] = config
    return True


def _written(base: _Base, sources: _Sources, checkpoint: str) -> Path:
    """The folder, in which nothing of this is said any more."""
    folder = Path(tempfile.mkdtemp(dir=_workplace())) / (Path(checkpoint).stem or "pipeline")
    folder.mkdir()
    index = {
        name: entry if not isinstance(entry, list) or _is_wanted(name, entry) else [None, None]
        for name, entry in base.entries.items()
    }
    for name, config in sources.configs.items():  # some autoencoders may stand for others
        if "_class_name" in config:
            index[name] = [index[name][0], config["_class_name"]]
    _write(folder / "model_index.json", index)
    REAL[str(folder)] = checkpoint
    for name, place in sources.folders.items():
        os.symlink(place.resolve(), folder / name, target_is_directory=True)
        REAL[str(folder / name)] = sources.told[name]
    for name, file in sources.files.items():
        (folder / name).mkdir()
        _write(folder / name / "config.json", sources.configs[name])
        _write(folder / name / MARK, {"file": str(file.resolve())})
        os.symlink(file.resolve(), folder / name / f"model{file.suffix}")
        REAL[str(folder / name)] = sources.told[name]
    for path, config in sources.made.items():
        (folder / path).parent.mkdir()
        _write(folder / path, config)
        write_vocabulary((folder / path).parent, config)
    return folder


def _write(path: Path, table: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(table), encoding="utf-8")


@functools.cache
def _workplace() -> str:
    """A temporary folder, until this process ends."""
    folder = tempfile.mkdtemp(prefix="diptych-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
