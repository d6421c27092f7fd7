"""Of nvmath what the products of matrices need."""
