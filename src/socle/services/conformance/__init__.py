"""Conformance: exact findings on a CDA document, in milliseconds.

An operator drops in the official kit as he downloaded it; without one, rule packs of our own judge documents.
"""
