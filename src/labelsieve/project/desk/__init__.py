"""Where labels are given: items are handed out to people, their answers are taken in."""
