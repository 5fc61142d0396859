"""The script that a user of transformers and diffusers would write without the engine, one file a stage.

It is written as the libraries' own guides show, by somebody who knows them well: `generate` with a key-value
cache and logits processors, a scheduler's loop around a U-Net, a captioner that encodes each picture once for
all its questions. It loads the same checkpoints and does the same work as the engine's chain: as many tokens,
steps and questions. `script.py` puts the stages together, for one prompt at a time or for batches.
"""
