"""Figures for Prometheus, in its text format."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .runtime import Runtime

_KINDS = {
    "diptych_rows_queued": ("gauge", "Rows that are not done."),
    "diptych_rows_running": ("gauge", "Rows under way."),
    "diptych_pictures_total": ("counter", "Pictures made since the server began."),
    "diptych_pictures_accepted_total": ("counter", "Of these, those that show what was asked."),
    "diptych_rows_failed_total": ("counter", "Rows that came to no picture."),
    "diptych_faults_total": ("counter", "Faults of the engine's own."),
    "diptych_stage_seconds_total": ("counter", "Seconds of work, by stage."),
    "diptych_model_bytes": ("gauge", "Weights in the device's memory, by recipe."),
    "diptych_up": ("gauge", "Whether the engine runs."),
}


def metrics_text(runtime: "Runtime") -> str:
    """All figures as they are now."""
    totals, shop = runtime.shop.totals, runtime.shop
    values: dict[str, Any] = {
        "diptych_rows_queued": runtime.store.queued(),
        "diptych_rows_running": len(shop.guests()),
        "diptych_pictures_total": totals.pictures,
        "diptych_pictures_accepted_total": totals.accepted,
        "diptych_rows_failed_total": totals.failures,
        "diptych_faults_total": totals.faults,
        "diptych_stage_seconds_total": {("stage", k): v for k, v in list(totals.stage_seconds.items())},
        "diptych_model_bytes": {
            ("recipe", pipe.name): pipe.pipeline.runner.memory.resident_bytes for pipe in runtime.pipes.made()
        },
        "diptych_up": int(shop.alive),
    }
    lines: list[str] = []
    for name, (kind, help_text) in _KINDS.items():
        lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}"]
        value = values[name]
        labelled = value.items() if isinstance(value, dict) else [(None, value)]
        for label, each in labelled:
            tag = "" if label is None else f'{{{label[0]}="{_escaped(label[1])}"}}'
            lines.append(f"{name}{tag} {each}")
    return "\n".join([*lines, ""])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
