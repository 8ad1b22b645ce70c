"""Socle: the technical base of the Ségur du numérique en santé."""

__version__ = "0.1.0"
