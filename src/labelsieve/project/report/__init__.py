"""The report: what is known of a project, as one HTML file that opens from disk.

data.py says what a report holds, collect.py gathers it from a project, rendering.py turns it into HTML.
"""
