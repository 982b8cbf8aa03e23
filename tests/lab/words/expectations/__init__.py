"""expectations of the small vocabulary."""
