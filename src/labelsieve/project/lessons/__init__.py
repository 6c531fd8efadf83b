"""Taught items: not of the pool, and trained on all the same."""

WEIGHT = 0.03  # of an item from elsewhere, beside 1 of a label of this pool (measured: decision 0011)
