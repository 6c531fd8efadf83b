"""Taught items: not of the pool, and trained on all the same."""
