"""Runs: training the blocks of a program into folders, leaving and resuming it, and comparing what came out."""
