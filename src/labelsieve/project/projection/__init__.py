"""The map: the pool in two dimensions, computed as a job, kept below cache/projection."""
