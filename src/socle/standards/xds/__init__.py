"""IHE XDS metadata as typed values, and their ebRIM XML form."""
