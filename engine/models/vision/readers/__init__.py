"""Readers: what tells a drafter, which stays as it is, of pictures that it was never trained to see."""
