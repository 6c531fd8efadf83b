"""The built pages of the app: `FOLDER` holds index.html, icon.svg and assets/. Data only; made from frontend/ by
hatch_build.py, never kept in git."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "static"
