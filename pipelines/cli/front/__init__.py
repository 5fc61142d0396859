"""How the command meets the world: arguments, streams and signals, and what is said when something is wrong."""
