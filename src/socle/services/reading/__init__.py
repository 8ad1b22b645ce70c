"""What documents say: their words, findable; their results as series; their coded content as a medical profile.

The base keeps, for each document, its words as keyed hashes (a blind index) and its content sealed under the patient's
key. Nothing of it can be read in the database, and it dies with the key. Who may see a document is the DMP's decision
alone: this service narrows the DMP's answers, and never widens them.
"""
