"""`python -m diptych.pipelines.cli`, for older scripts: all commands but `bench`. Today: `python -m diptych`."""

from .main import main

main()
