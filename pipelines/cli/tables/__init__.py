"""Tables that commands print: the results of a batch, scores, where time and memory went."""
