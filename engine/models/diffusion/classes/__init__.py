"""What the classes of diffusers' pipelines are: what they make of what, and how each is called."""
