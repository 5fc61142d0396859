"""The training loop: steps, checkpoints, optimizer, pace. It knows nothing of what is trained."""
