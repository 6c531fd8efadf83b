"""Small models on top of embeddings: arrays in, arrays out, no pickle."""
