"""Whether pictures show the art that was asked for: by categories, as of the world, and kind by kind."""
