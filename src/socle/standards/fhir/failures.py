"""From what a decoder says to a refusal with a FHIRPath location and a sentence in both languages."""

from __future__ import annotations

import re
from typing import Final

from socle.standards.errors import MalformedInput, Text

_PATH = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`$")
_REGEX = re.compile(r"matching regex '.*'")

#: What msgspec says, as (pattern, code, French, English). ``{0}`` is the first group.
_SENTENCES: Final = (
    (
        re.compile(r"Object contains unknown field `(.+)`"),
        "FHIRUnknownElement",
        "L'élément « {0} » n'existe pas ici.",
        "There is no element '{0}' here.",
    ),
    (
        re.compile(r"Object missing required field `(.+)`"),
        "FHIRMissingElement",
        "L'élément « {0} » est obligatoire.",
        "The element '{0}' is required.",
    ),
    (
        re.compile(r"Invalid value '(.*)'"),
        "FHIRUnknownResource",
        "« {0} » n'est pas une ressource que ce serveur connaît.",
        "'{0}' is not a resource that this server knows.",
    ),
    (
        re.compile(r"Invalid enum value '?(.*?)'?"),
        "FHIRCode",
        "« {0} » n'est pas l'un des codes admis.",
        "'{0}' is not one of the codes accepted.",
    ),
    (
        re.compile(r"Invalid base64 encoded string"),
        "FHIRValue",
        "Ce n'est pas du base64 (RFC 4648, sans saut de ligne).",
        "This is not base64 (RFC 4648, without line breaks).",
    ),
    (
        re.compile(r"Only one of (.+) may be present"),
        "FHIRChoice",
        "Un seul de ces éléments peut être présent : {0}.",
        "Only one of these elements may be present: {0}.",
    ),
    (
        re.compile(r"Expected (.+)"),
        "FHIRValue",
        "La valeur n'a pas le type ou la forme attendus (attendu : {0}).",
        "The value has not the expected type or form (expected: {0}).",
    ),
)


def refusal(code: str, french: str, english: str, location: str = "") -> MalformedInput:
    """A refusal of the bytes as not being FHIR R4."""
    return MalformedInput(code, Text(french, english), location=location, requirement="FHIR R4 (4.0.1)")


def explain(error: Exception, resource_type: str) -> MalformedInput:
    """The refusal for a ``msgspec`` error met while reading a ``resource_type``.

    >>> explain(ValueError("Object contains unknown field `naem` - at `$.contact[0]`"), "Patient").location
    'Patient.contact[0].naem'
    """
    message = str(error)
    path = match["path"] if (match := _PATH.search(message)) else ""
    text = _REGEX.sub("pattern", _PATH.sub("", message)).replace("`", "").replace(" | null", "")
    for pattern, code, french, english in _SENTENCES:
        if match := pattern.fullmatch(_PATH.sub("", message)):
            detail = match[1] if match.groups() else ""
            detail = _REGEX.sub("", detail).replace("`", "").replace(" | null", "").strip()
            if code in ("FHIRUnknownElement", "FHIRMissingElement"):
                path += "." + detail
            return refusal(code, french.format(detail), english.format(detail), (resource_type or "Resource") + path)
    return refusal(
        "FHIRValue", f"Valeur refusée : {text}", f"Value refused: {text}", (resource_type or "Resource") + path
    )
