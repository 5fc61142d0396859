"""How a language model goes on token by token: one file a way, and `ways`, which chooses."""
