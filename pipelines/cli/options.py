"""Options that several commands take, each defined once. Imports nothing heavy."""

from typing import Annotated

import typer

RecipeOption = Annotated[str, typer.Option("--recipe", help="A recipe's name, or a .toml file.")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
MemoryOption = Annotated[
    str | None, typer.Option("--memory", help="What models and their work may take on the device, e.g. 2GiB.")
]
