"""Fictitious CDA documents of the fixed cast, of every priority type, built by the project itself.

>>> from socle.sandbox.documents import sample_documents
>>> callable(sample_documents)
True
"""

from socle.sandbox.documents.samples import NamedDocument, named_documents, sample_documents

__all__ = ["NamedDocument", "named_documents", "sample_documents"]
