"""What a peer in its own environment does with the lines on its standard input; it needs nothing of labelsieve."""

import json
import sys
import warnings


def answer(play):
    """Calls play(path, out, methods) for each line ["IN.npz", "OUT", METHOD, ...]; prints "done", or what failed."""
    warnings.filterwarnings("ignore")
    for line in sys.stdin:
        path, out, *methods = json.loads(line)
        try:
            play(path, out, methods)
            said = "done"
        except Exception as error:  # noqa: BLE001 - told to who asked; the next pool may do
            said = repr(error)[:200].replace("\n", " ")
        print(said, flush=True)
