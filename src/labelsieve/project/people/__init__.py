"""Who may do what, who did what, and how far people agree."""
