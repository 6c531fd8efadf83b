"""Embeddings on disk: shards that are whole or not there, and pools over them."""
