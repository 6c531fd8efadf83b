"""One folder = one project: sources, label events, queries, heads. The only room that composes the others."""
