"""How good a recipe is: figures with intervals, and the pictures they were counted on. Never used in the loop."""
