"""Coded entries of any CDA document → ``clinical`` values, found by templateId and never by section alone."""

from socle.standards.cda.entries.reader import read_attachment, read_clinical_content

__all__ = ["read_attachment", "read_clinical_content"]
