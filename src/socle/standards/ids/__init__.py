"""Identifiers of persons, professionals, structures and objects, with their check digits."""
