"""How good a recipe is: figures with intervals, and the pictures they rest on. Never used in the loop."""
