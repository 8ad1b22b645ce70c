"""Patients' identities: what INSi knows of a person, what each domain knows, and how the two are brought together."""
