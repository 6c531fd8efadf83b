"""What to ask next. Pure: arrays and rounds in, queries out; no files, no clock, no global random state."""
