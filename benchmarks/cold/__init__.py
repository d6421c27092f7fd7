"""What `examples/digits.nn` does, as one would write it with the peers: run as whole processes by `startup`."""
