"""The command `diptych`, also as `python -m diptych`: the command line, with the benchmarks in it."""

from .benchmarks.harness.cli import bench
from .pipelines.cli.main import app, main

app.command()(bench)

__all__ = ["main"]

if __name__ == "__main__":
    main()
