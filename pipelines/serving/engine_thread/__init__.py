"""The one thread that works with models: it takes rows from the queue, and tells what becomes of them."""
