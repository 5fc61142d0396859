"""`python -m diptych.pipelines.cli`, for older scripts: all commands but `bench`. See `__main__` at the root."""

from .main import main

main()
