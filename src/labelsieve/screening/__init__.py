"""Finding odd items among many dull ones: anomaly scores and the search for more of them."""
