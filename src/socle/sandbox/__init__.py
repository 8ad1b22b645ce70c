"""Fictitious population, failure switches, settable clock, test certificate authority."""
