"""Bytes <-> typed values of the public standards. Pure: no I/O, no clock, no settings, no database."""
