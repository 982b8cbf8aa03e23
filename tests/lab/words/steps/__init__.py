"""steps of the small vocabulary."""
