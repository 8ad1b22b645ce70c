"""The one way to read XML from outside: no DTD, no entity, no network, bounded size and depth."""

from __future__ import annotations

from lxml import etree

from socle.standards.errors import MalformedInput, Text, TooLarge

#: Largest XML text accepted unless a caller says otherwise.
MAX_BYTES = 100 * 1024 * 1024
#: libxml2's own bound without ``huge_tree``; a CDA document nests about 40 deep.
MAX_DEPTH = 256
#: Signs that begin a tag or a value, ``<`` and ``=``, in one document. A node takes a hundred times the bytes that
#: write it, so the size alone bounds no memory; the largest example of the CI-SIS has 9,200.
MAX_MARKS = 4_000_000
#: libxml2 refuses larger text nodes without ``huge_tree``.
_LARGEST_PLAIN_BYTES = 10_000_000


def parse(
    source: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH, max_marks: int = MAX_MARKS
) -> etree._Element:
    """The root element of ``source``, whose text nodes may be as large as ``max_bytes``.

    Comments and processing instructions are kept, since a signature may cover them.

    Raises ``TooLarge`` above ``max_bytes`` or ``max_marks``, ``MalformedInput`` on anything that is not plain XML: a
    DTD, an entity, nesting over ``max_depth``, a wrong encoding.

    >>> parse(b"<a><b/></a>").tag
    'a'
    """
    if len(source) > max_bytes:
        raise TooLarge(
            "XMLTooLarge",
            Text(
                f"Le document XML compte {len(source)} octets, plus que les {max_bytes} admis.",
                f"The XML document has {len(source)} bytes, more than the {max_bytes} accepted.",
            ),
        )
    if len(source) > max_marks and source.count(b"<") + source.count(b"=") > max_marks:
        raise TooLarge(
            "XMLTooManyNodes",
            Text(
                f"Le document XML a trop d'éléments et d'attributs : plus de {max_marks} signes < et =.",
                f"The XML document has too many elements and attributes: over {max_marks} signs < and =.",
            ),
        )
    # A parser is not shared: it belongs to the thread that uses it, and it costs 5 µs. A small source cannot hold a
    # text node that needs ``huge_tree``, and without it libxml2 bounds the depth itself, at no cost.
    is_large = len(source) >= _LARGEST_PLAIN_BYTES
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=is_large,
    )
    if b"<!DOCTYPE" in source[:4096] or b"<!ENTITY" in source[:4096]:
        raise _doctype_refused()
    try:
        root: etree._Element = etree.fromstring(source, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        if "Excessive depth" in str(error):
            raise _too_deep(MAX_DEPTH) from error
        line, column = getattr(error, "position", (0, 0))
        raise MalformedInput(
            "XMLMalformed",
            Text(
                f"Ce n'est pas du XML bien formé (ligne {line}, colonne {column}) : {_first_line(error)}",
                f"This is not well-formed XML (line {line}, column {column}): {_first_line(error)}",
            ),
            location=f"line {line}, column {column}",
        ) from error
    if root.getroottree().docinfo.doctype:
        raise _doctype_refused()
    if is_large or max_depth < MAX_DEPTH:
        _refuse_deep(root, max_depth)
    return root


def _doctype_refused() -> MalformedInput:
    return MalformedInput(
        "XMLDoctypeRefused",
        Text(
            "Une déclaration de type de document (DTD) ou d'entité n'est pas admise.",
            "A document type (DTD) or entity declaration is not accepted.",
        ),
        remedy=Text("Retirez la ligne <!DOCTYPE …>.", "Remove the <!DOCTYPE …> line."),
    )


def _first_line(error: Exception) -> str:
    told = str(getattr(error, "msg", "") or error) or type(error).__name__
    return told.splitlines()[0].partition(", line ")[0]


def _refuse_deep(root: etree._Element, max_depth: int) -> None:
    if root.xpath(f"boolean({'/'.join(['*'] * (max_depth + 1))})"):
        raise _too_deep(max_depth)


def _too_deep(max_depth: int) -> MalformedInput:
    return MalformedInput(
        "XMLTooDeep",
        Text(
            f"Les éléments sont imbriqués sur plus de {max_depth} niveaux.",
            f"Elements are nested more than {max_depth} deep.",
        ),
    )
