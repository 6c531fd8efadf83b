"""Long work as rows of the ledger, done by worker processes."""
