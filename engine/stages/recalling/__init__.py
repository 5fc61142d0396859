"""recall: what a plan names is looked up in a memory of pictures, and laid out as a sketch."""
