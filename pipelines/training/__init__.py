"""Training: one file a model, one loop for all, nothing that rendering needs.

    diptych train all --out DIR                            the illustrated world, at the sizes of `pocket.toml`
    diptych train all --out DIR --data FOLDER              one's own pictures (see `picture_folder`)
    diptych train all --out DIR --start-from pocket        from weights that exist, to new words or pictures
    diptych train preference --out DIR --start-from pocket a drafter, by what the captioner thinks of its drafts
    diptych train lora --base FOLDER --data FOLDER --out DIR --rank 8

`DIR/<model>/` holds the state (the last two), `loss.csv`, `loss.png`, samples, and `model/`, the average in the
format it ships in; the same command goes on where it was stopped. `DIR/weights/recipe.toml` renders with all.
"""
