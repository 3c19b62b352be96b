"""Flow batches to named float32 arrays."""
