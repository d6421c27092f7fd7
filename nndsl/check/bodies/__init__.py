"""What the bodies of layers, models and functions do, statement by statement."""
