"""Files of other tools: read as answers to items of the pool, written from the answers that stand.

A reader gives `Foreign` answers and never looks into the project; `matching` finds the items that they are about, and
`importing` writes them. A writer gets `Gathered`, counts in `Losses` what its format cannot hold, and its file or
folder appears whole or not at all.
"""
