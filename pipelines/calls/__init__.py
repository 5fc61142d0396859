"""What a call from Python says: its keywords and their other names, seeds, callbacks; all checked at once."""
