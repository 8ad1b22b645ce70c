"""CI-SIS CDA R2 documents: read, map to XDS metadata, extract coded entries, build, render.

``document`` opens the bytes, ``header`` and ``entries`` give typed values, ``metadata`` maps a header to XDS,
``build`` goes from typed values to documents, ``render`` goes from documents to pages.

Source: CI-SIS "Structuration minimale des documents de santé" and its content modules (volets).
"""
