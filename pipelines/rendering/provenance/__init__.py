"""Where a picture comes from: its history in its own file, and making it again."""
