"""Training of the pocket models: one file a model, one loop for all, nothing that rendering needs."""
