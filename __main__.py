"""The command `diptych`, also as `python -m diptych`: the command line, with the benchmarks in it."""

import os
import sys
from typing import Any

__all__ = ["main", "whole_app"]


def main() -> None:
    """The `diptych` command. Nothing is imported before it runs, so that Ctrl-C is one line from the start."""
    _speak_utf8()
    try:
        whole_app()
        from .pipelines.cli.main import main
    except KeyboardInterrupt:
        from .pipelines.cli.front.interrupted import say_stopped

        sys.exit(say_stopped())
    main()


def whole_app() -> Any:
    """The command line, with the benchmarks in it."""
    from .benchmarks.harness.cli import bench
    from .pipelines.cli.main import app

    if bench not in (command.callback for command in app.registered_commands):
        app.command()(bench)
    return app


def _speak_utf8() -> None:
    """Begin again in UTF-8, where the system's language is taken to be ASCII: names of files and prompts hold
    other characters everywhere."""
    if sys.getfilesystemencoding() == "ascii" and not sys.flags.utf8_mode and os.name == "posix":
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


if __name__ == "__main__":
    main()
