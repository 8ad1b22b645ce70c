"""The part of FHIRPath that patches need: from an expression to places in the plain tree of a resource.

``Type.name.name[0].where(system = 'x' and coding.code = 'y').extension('url').value.first()``. ``value`` finds whatever
``value[x]`` is there. Anything else is refused: no function with side paths, no arithmetic, nothing that costs.

Source: FHIRPath 2.0.0; FHIR R4 §3.1.0.4.3 FHIRPath Patch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from socle.standards.errors import InvalidContent, SocleError, Text

MAX_LENGTH: Final = 1000

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>'(?:[^'\\]|\\.)*')|(?P<number>\d{1,9})|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>[.()\[\]=,]))"""
)
_ESCAPE = re.compile(r"\\(.)")


class Location(NamedTuple):
    """One place in a tree: ``container[key]``, ``names`` being its element names from the root."""

    container: Any
    key: str | int
    names: tuple[str, ...]

    @property
    def value(self) -> Any:
        """What is there."""
        return self.container[self.key]


def locate(tree: dict[str, Any], expression: str) -> list[Location]:
    """The places in ``tree`` that ``expression`` selects; none if nothing is there.

    Raises ``InvalidContent`` on an expression outside the subset.

    >>> tree = {"resourceType": "Patient", "telecom": [{"value": "a"}, {"value": "b"}]}
    >>> [place.value for place in locate(tree, "Patient.telecom.where(value = 'b').value")]
    ['b']
    """
    return _Parser(expression).path([Location({"root": tree}, "root", ())], str(tree.get("resourceType", "")))


class _Parser:
    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.tokens = list(self._read(expression))
        self.at = 0

    def _read(self, text: str) -> Iterator[tuple[str, str]]:
        if len(text) > MAX_LENGTH:
            raise self.refused()
        position = 0
        text = text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise self.refused()
            yield match.lastgroup, match[match.lastgroup]
            position = match.end()
        yield "end", ""

    def refused(self) -> SocleError:
        return InvalidContent(
            "FHIRPathNotSupported",
            Text(
                "Cette expression FHIRPath n'est pas de celles que le serveur lit.",
                "This FHIRPath expression is not one that the server reads.",
            ),
            location=self.expression[:200],
            remedy=Text(
                "Employez des noms, [n], where(a = 'b'), extension('url'), first(), last().",
                "Use names, [n], where(a = 'b'), extension('url'), first(), last().",
            ),
        )

    def peek(self, value: str) -> bool:
        return self.tokens[self.at] == ("sign", value)

    def take(self, kind: str, value: str = "") -> str:
        found, text = self.tokens[self.at]
        if found != kind or (value and text != value):
            raise self.refused()
        self.at += 1
        return text

    def path(self, places: list[Location], root_type: str) -> list[Location]:
        name = self.take("name")
        if name not in (root_type, "Resource", "DomainResource"):
            places = self.step(places, name)
        places = self.steps(places)
        self.take("end")
        return places

    def steps(self, places: list[Location]) -> list[Location]:
        while True:
            if self.peek("["):
                self.at += 1
                index = int(self.take("number"))
                self.take("sign", "]")
                places = places[index : index + 1]
            elif self.peek("."):
                self.at += 1
                places = self.step(places, self.take("name"))
            else:
                return places

    def step(self, places: list[Location], name: str) -> list[Location]:
        if not self.peek("("):
            return [found for place in places for found in _children(place, name)]
        self.at += 1
        if name == "where":
            return self.where(places)
        if name == "extension":
            url = self.string()
            self.take("sign", ")")
            return [
                found
                for place in places
                for found in _children(place, "extension")
                if isinstance(found.value, dict) and found.value.get("url") == url
            ]
        self.take("sign", ")")
        if name == "first":
            return places[:1]
        if name == "last":
            return places[-1:]
        raise self.refused()

    def where(self, places: list[Location]) -> list[Location]:
        start, kept = self.at, []
        for place in places:
            self.at = start
            if self.condition(place):
                kept.append(place)
        if not places:
            self.condition(Location({"root": {}}, "root", ()))
        self.take("sign", ")")
        return kept

    def condition(self, place: Location) -> bool:
        holds = True
        while True:
            found = self.steps(_children(place, self.take("name")))
            self.take("sign", "=")
            wanted = self.literal()
            holds = any(item.value == wanted for item in found) and holds
            if self.tokens[self.at] != ("name", "and"):
                return holds
            self.at += 1

    def literal(self) -> str | int | bool:
        kind, text = self.tokens[self.at]
        if kind == "string":
            return self.string()
        self.at += 1
        if kind == "number":
            return int(text)
        if text in ("true", "false"):
            return text == "true"
        raise self.refused()

    def string(self) -> str:
        return _ESCAPE.sub(r"\1", self.take("string")[1:-1])


def _children(place: Location, name: str) -> list[Location]:
    value = place.value
    if not isinstance(value, dict):
        return []
    if name not in value:
        name = next((key for key in value if key.startswith(name) and key[len(name) :][:1].isupper()), name)
    names = (*place.names, name)
    if isinstance(value.get(name), list):
        return [Location(value[name], index, names) for index in range(len(value[name]))]
    return [Location(value, name, names)] if name in value else []
