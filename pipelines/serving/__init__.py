"""`diptych serve`: pictures over HTTP. One runtime, and one file for each protocol that clients speak."""
