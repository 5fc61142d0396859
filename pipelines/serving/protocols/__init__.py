"""One file for each protocol that clients speak, all over one runtime."""
