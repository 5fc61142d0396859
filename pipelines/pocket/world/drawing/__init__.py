"""How the illustrated world is drawn: things, styles, backgrounds, layouts."""
