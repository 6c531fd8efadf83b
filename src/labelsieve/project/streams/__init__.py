"""New items of a screen: scored by its head, held against calibration items, ranked, watched as they arrive."""
