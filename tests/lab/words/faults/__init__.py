"""faults of the small vocabulary."""
