"""What models are trained on: the illustrated world, a user's own pictures, and their words."""
