"""Side by side with what people use today, on this machine, in one run: `python -m benchmarks`."""
