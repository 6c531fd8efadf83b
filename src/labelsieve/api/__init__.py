"""The server behind the browser app: requests become calls on rooms of `labelsieve.project`, nothing else."""
