"""What clients asked for, and what came of it: on disk."""
