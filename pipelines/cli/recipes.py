"""`diptych recipes`: which recipes there are, what one says, and whether this machine could carry it out."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ...engine.memory import parse_bytes
from ..recipes.reader import known_recipes, read_recipe
from ..recipes.writer import recipe_text

recipes = typer.Typer(
    help="List the recipes of the package; show one, check it, or write one for a model.",
    invoke_without_command=True,
)

OnlineOption = Annotated[
    bool, typer.Option("--online", help="Also ask the servers that the recipe names which models they have.")
]
RecipeArgument = Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe's name, or a .toml file.")]


@recipes.callback()
def run_list(context: typer.Context) -> None:
    """List the recipes of the package, what each is good for, and its stages."""
    if context.invoked_subcommand is None:
        _list()


def _list() -> None:
    for name in known_recipes():
        recipe = read_recipe(name)
        for head, text in ((name, recipe.summary), ("", recipe.use)):
            if text or head:
                print(f"{head:20}{text}".rstrip())
        print(f"{'':20}{' -> '.join(recipe.stages)}")


@recipes.command("list")
def run_list_by_name() -> None:
    """List the recipes of the package, as without a command."""
    _list()


@recipes.command("show")
def run_show(recipe: RecipeArgument) -> None:
    """Show a recipe as a file that can be changed and read again: models, licences, settings; loads nothing."""
    read = read_recipe(recipe)
    print(f"# Recipe {read.name}, {read.width}x{read.height} pixels: {' -> '.join(read.stages)}.")
    if not read.licence:
        print("# It does not say the licence of the weights.")
    is_file = (
        Path(recipe).suffix == ".toml"
    )  # written over by the shell before it is read, if it were the target
    copied = "" if is_file else f"diptych recipes show {recipe} > mine.toml; "
    print(f"# To change it: {copied}diptych recipes check {recipe if is_file else 'mine.toml'}")
    print(recipe_text(read), end="")


@recipes.command("new")
def run_new(
    checkpoint: Annotated[
        str, typer.Argument(metavar="MODEL", help="A .safetensors file, a folder, or an id of the Hub.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the recipe to this .toml file, which must not be there.")
    ] = None,
) -> None:
    """Look into a model's file or folder, say what it is, and write a recipe for it; reads no weights."""
    from ..recipes.new import new_recipe, write_new
    from ..terminal import error_console

    made = new_recipe(checkpoint, out)
    console = error_console()
    if out is None:
        print(made.text, end="")
    else:
        write_new(made.text, out)
        for line in made.said:
            console.print(f"diptych: {line}", soft_wrap=True)
    for line in made.missing:
        console.print(f"diptych: not on this disk: {line}", soft_wrap=True)
    name = out or "mine.toml"
    console.print(f"diptych: {'written' if out else 'next'}: diptych recipes check {name}", soft_wrap=True)


@recipes.command("check")
def run_check(
    recipe: RecipeArgument,
    memory: Annotated[
        str | None, typer.Option("--memory", help="Plan for this much on the device, e.g. 12GiB.")
    ] = None,
    micro_batch: Annotated[int, typer.Option(min=1, help="Rows that a stage works on at once, at most.")] = 16,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
    online: OnlineOption = False,
) -> None:
    """Plan memory stage by stage from the models' configs; say whether a render would work, and how to get what
    is missing."""
    from ..recipes.check import check
    from ..recipes.doctor import plain, tables
    from ..terminal import error_console, out_console

    read = read_recipe(recipe)
    budget = None if memory is None else parse_bytes(memory)
    found = check(read, budget_bytes=budget, micro_batch=micro_batch, online=online)
    checkup, stood_in, missing, bare, servers = found
    if as_json:
        said = {"licence": read.licence, "use": read.use, "height": read.height, "width": read.width}
        said |= {"known_configs": list(stood_in), "missing": list(missing), "without_weights": list(bare)}
        table = plain(checkup) | said | {"ready": found.ready}
        table |= {"servers": list(servers)} if servers else {}
        print(
            json.dumps({name: each for name, each in table.items() if name != "versions"}, ensure_ascii=False)
        )
    else:
        console = out_console()
        for part in (*tables(checkup)[1:], *servers, *(["all is well"] if found.ready else [])):
            console.print(part, soft_wrap=isinstance(part, str))
    console = error_console()
    for trouble in checkup.troubles:
        console.print(f"diptych: {trouble}", soft_wrap=True)
    for name in stood_in:
        console.print(f"diptych: not on this disk, planned by its known sizes: {_get(name)}", soft_wrap=True)
    for name in bare:
        console.print(
            f"diptych: {name}: its configs are here, and its weights are not: get them, too", soft_wrap=True
        )
    for name in missing:
        console.print(
            f"diptych: configs are enough for a check: {_get(name)} --include '*.json'", soft_wrap=True
        )
    if not found.ready:
        raise typer.Exit(1)


@recipes.command("table")
def run_table() -> None:
    """Print a Markdown table of the package's recipes: use, memory by stage for one picture, licence."""
    from ..recipes.check import markdown

    for line in markdown(read_recipe(name) for name in known_recipes()):
        print(line)


def _get(name: str) -> str:
    return f"hf download {name.replace('@', ' --revision ')}"
