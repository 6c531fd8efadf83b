"""The command line: one file a verb, each a call of one `Project` method. Doors hold no logic."""
