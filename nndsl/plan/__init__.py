"""From graphs to schedules: what is computed in which order, and where every value lives."""
