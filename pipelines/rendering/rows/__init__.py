"""What a command is given to render, and what becomes of it: rows, and tasks."""
