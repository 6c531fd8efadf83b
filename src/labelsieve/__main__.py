"""python -m labelsieve: the same as the command labelsieve."""

from labelsieve.cli.main import main

if __name__ == "__main__":
    main()
