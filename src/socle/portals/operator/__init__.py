"""The operator's pages, at ``/operateur``."""
