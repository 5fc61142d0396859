"""Pictures whose things come from a memory: where these stand, and what an edit changes."""
