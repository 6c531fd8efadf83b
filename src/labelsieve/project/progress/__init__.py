"""What the progress page shows: what the labels were worth so far, what they cost, and whether to go on."""
