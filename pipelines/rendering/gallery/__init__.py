"""The gallery of a batch: a page to look at pictures, and the file that it reads."""
