"""Frozen networks and learners: things -> embeddings. `opening.open_engine` finds the right one."""
