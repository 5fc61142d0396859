"""What produced every figure that is claimed: one file a benchmark, run by `diptych bench NAME`.

`baseline/` holds the scripts that a user would write without the engine. Nothing of the package imports this
room but the command line.
"""
