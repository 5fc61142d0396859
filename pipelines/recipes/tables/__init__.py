"""What the tables of a recipe say, one file each: TOML itself, how a model is computed, parts elsewhere."""
