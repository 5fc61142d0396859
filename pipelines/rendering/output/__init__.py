"""What a batch leaves in its folder: results, journal, lock, contact sheet."""
