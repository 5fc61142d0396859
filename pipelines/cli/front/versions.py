"""`diptych --version`: of the package, and of what its pictures depend on. Imports nothing heavy."""

import importlib.metadata
import platform

import typer

from ....engine.version import __version__

LIBRARIES = ("torch", "transformers", "diffusers")


def show_versions(wished: bool) -> None:
    """Print them and end, where that was wished for."""
    if not wished:
        return
    others = ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    print(f"diptych {__version__}, Python {platform.python_version()}, {others}")
    raise typer.Exit


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing"
