"""The notation of our rule packs: one line a context, short enough to be read by whoever knows the models.

``context :: constraint ; constraint`` where a context is a path and ``<X>`` says that an element claims template X::

    <PCC.4.13>  :: self[OBS,EVN] ; id ; statusCode=completed ; code#1
    CDOC        :: code=11490-0^LN ; RT/patient/birthTime ; participant[INF] ⇒ participant[INF]/functionCode
    obs<FRE.211>/value ∈ Imputabilite

Constraints: ``p`` exists, ``p#1`` ``p#≤1`` ``p#≥2`` ``p#0`` count, ``p=CODE`` ``p^SYSTEM`` ``p=CODE^SYSTEM``
``p∈{a|b}`` coded values, ``p="text"``, ``xpath{…}`` as it stands;
 ``+X`` the context claims X, ``T#≥3`` number of templates; ``⊃X`` a descendant,
``doc⊃X`` anything in the document claims X; ``el:name[…]`` the context is that element; ``self[…]``; ``¬ ∧ ∨ ⇒ ✗( )``.
In brackets: a value of ``classCode``, ``moodCode`` or ``typeCode``; ``@a=v``; ``nF=``; ``inv=``; ``T:X``; a path.

Each constraint becomes an XPath test and the sentences that say, in French and English, what would pass.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from socle.services.conformance.domain import oid_of

#: Elements with short names.
ELEMENTS: Final = {
    "eR": "entryRelationship", "sA": "substanceAdministration", "obs": "observation", "org": "organizer",
    "proc": "procedure", "mP": "manufacturedProduct", "mM": "manufacturedMaterial", "eT": "effectiveTime",
    "oT": "originalText", "aA": "assignedAuthor", "aE": "assignedEntity", "aP": "assignedPerson",
    "rO": "representedOrganization", "pR": "participantRole", "pE": "playingEntity", "rS": "relatedSubject",
    "interp": "interpretationCode", "site": "targetSiteCode", "sicCode": "standardIndustryClassCode",
    "legalAuth": "legalAuthenticator", "obsMedia": "observationMedia", "sec": "section", "c": "component",
    "T": "templateId", "CDOC": "ClinicalDocument",
}  # fmt: skip
#: Short names of several steps.
PATHS: Final = {
    "BODY": "/h:ClinicalDocument/h:component/h:structuredBody",
    "RT": "h:recordTarget/h:patientRole",
    "SE": "h:documentationOf/h:serviceEvent",
    "EE": "h:componentOf/h:encompassingEncounter",
}
SYSTEMS: Final = {
    "LN": "2.16.840.1.113883.6.1", "SCT": "2.16.840.1.113883.6.96", "TA": "1.2.250.1.213.1.1.4.322",
    "A05": "1.2.250.1.213.1.1.4.12", "PROF": "1.2.250.1.213.1.1.4.5", "SECT": "1.2.250.1.71.4.2.4",
    "LOG": "1.2.250.1.213.1.1.4.6", "CADRE": "1.2.250.1.213.1.1.4.9", "ICD10": "2.16.840.1.113883.6.3",
    "AMOACT": "1.2.250.1.215.200.3.3", "CIS": "1.2.250.1.213.2.3.1", "ATC": "2.16.840.1.113883.6.73",
    "EDQM": "0.4.0.127.0.16.1.1.2.1", "BIO130": "1.2.250.1.213.1.1.5.130", "DCM": "1.2.840.10008.2.16.4",
    "ActCode": "2.16.840.1.113883.5.4", "RoleCode": "2.16.840.1.113883.5.111", "PartFn": "2.16.840.1.113883.5.88",
    "RouteHL7": "2.16.840.1.113883.5.112", "SubstAdm": "2.16.840.1.113883.5.1070",
    "IHEact": "1.3.6.1.4.1.19376.1.5.3.2", "IHEpharm": "1.3.6.1.4.1.19376.1.9.2.2",
}  # fmt: skip
NAMESPACES: Final = {
    "h": "urn:hl7-org:v3",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "sdtc": "urn:hl7-org:sdtc",
    "lab": "urn:oid:1.3.6.1.4.1.19376.1.3.2",
    "ps3-20": "urn:dicom-org:ps3-20",
    "pharm": "urn:ihe:pharm:medication",
    "svs": "urn:ihe:iti:svs:2008",
}
_NAME: Final = re.compile(r"(?:[A-Za-z][\w.\-]*:)?[A-Za-z][\w]*(?:-[A-Za-z]\w*)*")
_COUNT: Final = re.compile(r"#\s*(≤|≥|)\s*(\d+)$")
_SET: Final = re.compile(r"∈\s*\{([^}]*)\}$")
_CODE: Final = re.compile(r"=\s*([^\s=\]\[<>/\"^#]+)$")
_STRING: Final = re.compile(r"=\s*\"([^\"]*)\"$")
_SYSTEM: Final = re.compile(r"\^\s*([\w.]+)$")
_SYSTEM_INSIDE: Final = re.compile(r"\^\s*([\w.]+)")
_CODE_INSIDE: Final = re.compile(r"=\s*([\w.\-]+)")
_VALUE: Final = re.compile(r"[A-Z][A-Z0-9.]*$")
_SIGNS: Final = {"": "=", "≤": "<=", "≥": ">="}


class NotationError(ValueError):
    """A line is not in the notation."""


class Term(NamedTuple):
    """A constraint as XPath, and in words."""

    xpath: str
    french: str
    english: str


def constraint(text: str) -> Term:
    """The constraint ``text``. Raises ``NotationError``.

    >>> constraint("code=11490-0^LN").xpath
    "h:code[@code='11490-0'][@codeSystem='2.16.840.1.113883.6.1']"
    >>> constraint("id#1").french
    'exactement 1 id'
    """
    for symbol, join in (("⇒", _implies), ("∨", _either), ("∧", _both)):
        parts = _split(text, symbol)
        if len(parts) > 1:
            terms = [constraint(part) for part in parts]
            result = terms[-1]
            for term in reversed(terms[:-1]):
                result = join(term, result)
            return result
    text = text.strip()
    if text.startswith("✗(") and _closes(text, 1) == len(text) - 1:
        return _not(constraint(text[2:-1]))
    if text.startswith("¬"):
        return _not(constraint(text[1:]))
    if text.startswith("(") and _closes(text, 0) == len(text) - 1:
        inner = constraint(text[1:-1])
        return Term(f"({inner.xpath})", f"({inner.french})", f"({inner.english})")
    return _atom(text)


def _implies(a: Term, b: Term) -> Term:
    return Term(
        f"not({a.xpath}) or ({b.xpath})",
        f"si {a.french}, alors {b.french}",
        f"if {a.english}, then {b.english}",
    )


def _either(a: Term, b: Term) -> Term:
    return Term(f"({a.xpath}) or ({b.xpath})", f"{a.french} ou {b.french}", f"{a.english} or {b.english}")


def _both(a: Term, b: Term) -> Term:
    return Term(f"({a.xpath}) and ({b.xpath})", f"{a.french} et {b.french}", f"{a.english} and {b.english}")


def _not(a: Term) -> Term:
    return Term(f"not({a.xpath})", f"pas ({a.french})", f"not ({a.english})")


def _atom(text: str) -> Term:
    if not text:
        raise NotationError("empty constraint")
    if text.startswith("+"):
        oid = _template(text[1:])
        return Term(f"h:templateId[@root='{oid}']", f"le templateId {text[1:]}", f"templateId {text[1:]}")
    if text.startswith(("doc⊃", "⊃")):
        scope, _, template = text.partition("⊃")
        name, _, count = template.partition("#")
        path = f"{'//' if scope else './/'}h:templateId[@root='{_template(name)}']"
        where = ("dans le document", "in the document") if scope else ("en dessous", "below")
        words = (f"le modèle {name} {where[0]}", f"template {name} {where[1]}")
        return _counted(path, f"#{count}", *words) if count else Term(path, *words)
    if text.startswith("T:"):
        name, _, count = text[2:].partition("#")
        path = f"h:templateId[@root='{_template(name)}']"
        words = (f"le templateId {name}", f"templateId {name}")
        return _counted(path, f"#{count}", *words) if count else Term(path, *words)
    if text.startswith("parent:"):
        return Term(_path(text[7:], "parent::"), f"dans {text[7:]}", f"inside {text[7:]}")
    if text.startswith("self::"):
        body, _, count = text[6:].partition("#")
        path = _path(body, "self::")
        return _counted(path, f"#{count}", body, body) if count else Term(path, body, body)
    if text.startswith("xpath{") and text.endswith("}"):
        return Term(text[6:-1], text[6:-1], text[6:-1])
    if text.startswith("el:"):
        path = _path(text[3:], "self::")
        return Term(path, f"l'élément {text[3:]}", f"element {text[3:]}")
    if text.startswith("self["):
        path = "self::*" + _predicates(text[4:])[0]
        return Term(path, f"l'élément lui-même {text[4:]}", f"the element itself {text[4:]}")
    return _tested(text)


def _tested(text: str) -> Term:
    """A path with what is said of it: count, codes, system, string."""
    body, count, conditions = text, "", ""
    if (found := _COUNT.search(body)) and _balanced(body[: found.start()]):
        body, count = body[: found.start()].rstrip(), found.group()
    while True:
        if (found := _STRING.search(body)) and _balanced(body[: found.start()]):
            value = found[1].replace("'", "&apos;") if "'" in found[1] else found[1]
            quoted = f'"{found[1]}"' if "'" in value or "&apos;" in value else f"'{value}'"
            subject = _path(body[: found.start()])
            return Term(
                f"{subject} = {quoted}",
                f"{body[: found.start()]} = « {found[1]} »",
                f"{body[: found.start()]} = “{found[1]}”",
            )
        if (found := _SYSTEM.search(body)) and _balanced(body[: found.start()]):
            conditions = f"[@codeSystem='{SYSTEMS.get(found[1], found[1])}']" + conditions
        elif (found := _SET.search(body)) and _balanced(body[: found.start()]):
            conditions = _among(found[1].split("|"), _ends_in_attribute(body[: found.start()])) + conditions
        elif (found := _CODE.search(body)) and _balanced(body[: found.start()]):
            conditions = _among([found[1]], _ends_in_attribute(body[: found.start()])) + conditions
        else:
            break
        body = body[: found.start()].rstrip()
        if (counted := _COUNT.search(body)) and _balanced(body[: counted.start()]):
            body, count = body[: counted.start()].rstrip(), counted.group()
    # A system written before the count belongs to the same node.
    path = (_path(body) if body else ".") + conditions
    words = text.removesuffix(count)
    return _counted(path, count, words, words) if count else Term(path, words, words)


def _among(values: list[str], is_attribute: bool) -> str:
    attribute = "." if is_attribute else "@code"
    tests = [f"{attribute}='{oid_of(_word(value)) if is_attribute else _word(value)}'" for value in values]
    return f"[{' or '.join(tests)}]"


def _ends_in_attribute(path: str) -> bool:
    last = path.rpartition("/")[2].strip()
    return last.startswith("@") or last in ("nF", "xsi:type")


def _counted(path: str, count: str, french: str, english: str) -> Term:
    found = _COUNT.match(count)
    if found is None:
        raise NotationError(count)
    sign, number = found[1], found[2]
    words = {
        "": (f"exactement {number}", f"exactly {number}"),
        "≤": (f"au plus {number}", f"at most {number}"),
        "≥": (f"au moins {number}", f"at least {number}"),
    }[sign]
    if number == "0" and not sign:
        words = ("aucun", "no")
    return Term(f"count({path}) {_SIGNS[sign]} {number}", f"{words[0]} {french}", f"{words[1]} {english}")


def split(constraints: str) -> list[str]:
    """The constraints of a line.

    >>> split("id#1 ; code=A ; xpath{a ; b}")
    ['id#1', 'code=A', 'xpath{a ; b}']
    """
    return [part.strip() for part in _split(constraints, ";") if part.strip()]


def context(text: str) -> str:
    """The context of a line as an XPath match pattern: ``<X>`` is any element that claims X.

    >>> context("<PCC.4.13>/author")
    "*[h:templateId/@root='1.3.6.1.4.1.19376.1.5.3.1.4.13']/h:author"
    """
    return "/" if text.strip() == "/" else path(text)


def path(text: str) -> str:
    """A path of the notation as XPath. Raises ``NotationError``.

    >>> path("eR[SUBJ]/act<PCC.4.2>")[:64]
    "h:entryRelationship[(@classCode='SUBJ' or @moodCode='SUBJ' or @t"
    """
    return _path(text.strip())


def _path(text: str, axis: str = "") -> str:
    result, position, fresh = "", 0, True
    while position < len(text):
        if text.startswith("//", position):
            result, position, fresh = result + "//", position + 2, True
        elif text[position] == "/":
            result, position, fresh = result + "/", position + 1, True
        elif text.startswith("..", position):
            result, position, fresh = result + "..", position + 2, False
        elif text[position] == "." and fresh:
            result, position, fresh = result + ".", position + 1, False
        elif text[position] == "<":
            end = text.index(">", position)
            result += _claimed(text[position + 1 : end], result, is_first=fresh)
            position, fresh = end + 1, False
        elif text[position] == "[":
            end = _closes(text, position)
            result += _predicates(text[position : end + 1])[0]
            position, fresh = end + 1, False
        elif text[position] == "^" and (found := _SYSTEM_INSIDE.match(text, position)):
            result += f"[@codeSystem='{SYSTEMS.get(found[1], found[1])}']"
            position = found.end()
        elif text[position] == "=" and (found := _CODE_INSIDE.match(text, position)):
            result, position = f"{result}[@code='{_word(found[1])}']", found.end()
        elif text.startswith("text()", position) and fresh:
            result, position, fresh = result + "text()", position + 6, False
        elif text[position] == "*" and fresh:
            result, position, fresh = result + "*", position + 1, False
        elif text[position] == "@" and fresh:
            found = _NAME.match(text, position + 1)
            if found is None:
                raise NotationError(text)
            result, position, fresh = f"{result}@{found.group()}", found.end(), False
        else:
            found = _NAME.match(text, position)
            if found is None or not fresh:
                raise NotationError(f"{text!r} at {position}")
            result += _step(found.group(), axis if not result else "", text[found.end() :])
            position, fresh = found.end(), False
    return result


def _step(name: str, axis: str, after: str) -> str:
    if after.startswith("("):
        raise NotationError(f"function {name}")
    if name == "nF":
        return "@nullFlavor"
    if name == "xsi:type":
        return "@xsi:type"
    if name in PATHS and not axis:
        return PATHS[name]
    full = ELEMENTS.get(name, name)
    return axis + (full if ":" in full else f"h:{full}")


def _claimed(text: str, before: str, *, is_first: bool) -> str:
    """``element<X>`` claims X; ``<X>`` is any element that does; ``path//<X>`` a claim at or below the path."""
    if not is_first:
        return _claims(text)
    return f"h:templateId[@root='{_template(text)}']" if before.endswith("//") else "*" + _claims(text)


def _claims(text: str) -> str:
    """``<X>``, ``<X,¬T:Y>``, ``<X ∨ T:Y>``, ``<X,code=C>``."""
    return "".join(f"[{_claim(part.strip())}]" for part in _split(text, ","))


def _claim(text: str) -> str:
    for symbol, word in (("∨", " or "), ("∧", " and ")):
        parts = _split(text, symbol)
        if len(parts) > 1:
            return word.join(_claim(part.strip()) for part in parts)
    if "=" in text or "^" in text:
        return _predicate(text)
    if text.startswith("¬"):
        return f"not({_claim(text[1:])})"
    return f"h:templateId/@root='{_template(text.removeprefix('T:'))}'"


def _predicates(text: str) -> tuple[str, int]:
    """``[A,B]`` as XPath predicates."""
    tests = [_predicate(part.strip()) for part in _split(text[1:-1], ",")]
    return "".join(f"[{test}]" for test in tests), len(text)


def _predicate(text: str) -> str:
    for symbol, word in (("∨", " or "), ("∧", " and ")):
        parts = _split(text, symbol)
        if len(parts) > 1:
            return word.join(f"({_predicate(part.strip())})" for part in parts)
    if text.startswith("¬"):
        return f"not({_predicate(text[1:].strip())})"
    if text.isdigit():
        return text
    if _VALUE.match(text) and "/" not in text:
        return f"(@classCode='{text}' or @moodCode='{text}' or @typeCode='{text}')"
    if text.startswith("inv="):
        return f"@inversionInd='{text[4:]}'"
    if text.startswith("T:"):
        return f"h:templateId/@root='{_template(text[2:])}'"
    if text.startswith("^"):
        return f"@codeSystem='{SYSTEMS.get(text[1:], text[1:])}'"
    if text.startswith("="):
        return f"@code='{_word(text[1:])}'"
    if text.startswith("∈"):
        return _among(text[1:].strip("{} ").split("|"), is_attribute=False)[1:-1]
    if found := re.fullmatch(r"contains\(xsi:type,\s*(\w+)\)", text):
        return f"contains(@xsi:type, '{found[1]}')"
    if found := re.fullmatch(r"(@[\w:]+|nF|xsi:type)\s*(≠|!=|=)\s*\"?([^\"]*)\"?", text):
        name = {"nF": "@nullFlavor", "xsi:type": "@xsi:type"}.get(found[1], found[1])
        value = oid_of(found[3]) if name == "@root" else SYSTEMS.get(found[3], found[3])
        return f"{name}{'=' if found[2] == '=' else '!='}'{_quoted(value)}'"
    if found := re.fullmatch(r"(@[\w:]+|nF|xsi:type)\s*∈\s*\{([^}]*)\}", text):
        name = {"nF": "@nullFlavor", "xsi:type": "@xsi:type"}.get(found[1], found[1])
        values = [oid_of(value) if name == "@root" else value for value in found[2].split("|")]
        return " or ".join(f"{name}='{_quoted(value)}'" for value in values)
    return constraint(text).xpath


def _template(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.]+", text.strip()):
        raise NotationError(f"{text!r} is no template")
    return oid_of(text.strip())


def _quoted(value: str) -> str:
    return value.replace("'", "''")


def _word(text: str) -> str:
    word = text.strip()
    if not re.fullmatch(r"[\w.\-^/%\[\]+]+", word):
        raise NotationError(f"{text!r} is no word")
    return word


def _split(text: str, symbol: str) -> list[str]:
    """``text`` cut at ``symbol``, where no bracket is open."""
    parts, depth, start, quoted = [], 0, 0, False
    for position, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "<" and _is_claim(text, position):
            depth += 1
        elif character == ">" and depth and _opened_claim(text, position):
            depth -= 1
        elif character == symbol and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


def _is_claim(text: str, position: int) -> bool:
    return re.match(r"<[¬A-Z0-9][^<>]*>", text[position:]) is not None


def _opened_claim(text: str, position: int) -> bool:
    opened = text.rfind("<", 0, position)
    return opened >= 0 and ">" not in text[opened:position] and _is_claim(text, opened)


def _closes(text: str, position: int) -> int:
    depth, quoted = 0, False
    for index in range(position, len(text)):
        if text[index] == '"':
            quoted = not quoted
        elif not quoted and text[index] in "([{":
            depth += 1
        elif not quoted and text[index] in ")]}":
            depth -= 1
            if depth == 0:
                return index
    raise NotationError(f"bracket not closed in {text!r}")


def _balanced(text: str) -> bool:
    return all(text.count(a) == text.count(b) for a, b in ("[]", "()", "{}", "<>")) and text.count('"') % 2 == 0
