"""Any CDA document → safe accessible HTML, and PDF.

Nothing that the document holds can run or load: every tag and attribute that comes out is written here, every text is
escaped, links go to http, https and mailto only, and an embedded style sheet is never run.

>>> from socle.standards.cda.render import render_page
>>> page = render_page(b'<ClinicalDocument xmlns="urn:hl7-org:v3"><title>Lettre</title></ClinicalDocument>')
>>> "<h1>Lettre</h1>" in page
True
"""

from socle.standards.cda.render.page import AttachmentUrl, render_fragment, render_page, stylesheet
from socle.standards.cda.render.pdf import PdfVariant, render_pdf

__all__ = ["AttachmentUrl", "PdfVariant", "render_fragment", "render_page", "render_pdf", "stylesheet"]
