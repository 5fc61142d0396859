"""The servers that a recipe names: what there is to say of each, and what it says itself, only where somebody
wants it to be asked."""

from ...engine.chain import Chain
from ...engine.errors import DiptychError
from ...engine.messages import did_you_mean
from ...engine.remote.server import Server, Trouble


def asked_servers(chain: Chain, *, online: bool) -> tuple[list[str], list[str]]:
    """A line for each server that a stage asks; and one for each trouble with it.

    Args:
        online: ask each which models it has; else nobody is asked.
    """
    lines: list[str] = []
    troubles: list[str] = []
    for stage in chain.stages:
        server = getattr(stage, "server", None)
        if not isinstance(server, Server):
            continue
        said = f"{stage.name} asks {server.address.model or 'the one model'} at {server.address.url}"
        if not online:
            lines.append(f"{said}, which was not asked now (--online does)")
            continue
        try:
            found = server.models()
        except DiptychError as error:  # its key is not there
            found = Trouble(str(error))
        trouble = found if isinstance(found, Trouble) else _unfit(server, found)
        if trouble is None:
            lines.append(f"{said}, which is there")
        else:
            lines.append(said)
            troubles.append(trouble.reason)
    return lines, list(dict.fromkeys(troubles))


def _unfit(server: Server, found: list[str]) -> Trouble | None:
    """What is the matter with the models that a server has."""
    wanted = server.address.model
    if wanted and found and wanted not in found and f"{wanted}:latest" not in found:  # as Ollama calls it
        some = ", ".join(found[:8])
        hint = did_you_mean(wanted, found)
        return Trouble(f"{server.where} does not list a model {wanted!r}{hint}: it has {some}")
    if not wanted and len(found) != 1:
        return Trouble(f"{server.where} has {len(found)} models: name one as model in the recipe")
    return None
