"""Running programs: the training loop, run folders, weights, and the text that is pasted into standalone files."""
