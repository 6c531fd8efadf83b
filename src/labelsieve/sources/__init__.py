"""Readers: a folder of images, a table file or an array file -> a stream of what was found, and random access."""

from labelsieve.sources.base import Found, Known, Ref, Showing, Source
from labelsieve.sources.opening import open_source
from labelsieve.sources.options import SourceOptions

__all__ = ["Found", "Known", "Ref", "Showing", "Source", "SourceOptions", "open_source"]
