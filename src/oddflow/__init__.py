"""Oddflow learns what normal traffic looks like on a network and shows the flows that do not fit."""

__version__ = "0.1.0"
