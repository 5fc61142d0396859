"""What benchmarks share: the command, options, timing by pairs, the machine's description, reports."""
