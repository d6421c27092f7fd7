"""What expressions mean: names, parts, arithmetic, patterns of shapes, calls."""
