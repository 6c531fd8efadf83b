"""Ways to look at the whole pool: predictions, filters, stored lists of ids and their pages."""
