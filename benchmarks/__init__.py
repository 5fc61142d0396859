"""Benchmarks for every figure that is claimed: one file each, run by `diptych bench NAME`.

`baseline/` holds the scripts that a user would write without the engine. Nothing of the package imports this
room but the command line.
"""
