"""What people call: one short file a pipeline, recipes, batches, the command line, the pocket models."""
