"""What pictures that are looked up, or given as references, are worth."""
