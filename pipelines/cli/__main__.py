"""`python -m diptych.pipelines.cli`: the command line, as `diptych` is."""

from .main import main

main()
