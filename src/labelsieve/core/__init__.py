"""Types, protocols, errors and randomness. numpy and the standard library only."""
