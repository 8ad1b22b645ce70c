"""Search parameters of the directory's FHIR API, and the SQL condition of each.

A condition is written once for one value, ``?`` standing for it; several values are joined by OR, several clauses by
AND. Nothing of a request ever becomes SQL text. Each condition finds its rows by an index when they are few; when they
are many, a page is soon full in the order of keys. PostgreSQL tells which it is, so it must see the values themselves:
``:contains`` on names gives it the directory's words, looked up before.
Source: identity fact sheet §8.1 (parameters of the national API v2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from socle.services.directory.domain import search_key
from socle.services.directory.fhir_resources import (
    SYSTEM_EQUIPMENT,
    SYSTEM_FINESS,
    SYSTEM_PERSON,
    SYSTEM_RPPS,
    SYSTEM_RPPS_RANK,
    SYSTEM_SIRENE,
    SYSTEM_STRUCTURE,
    identifier_of,
)
from socle.standards.errors import MalformedInput, Text
from socle.standards.fhir.search import Clause, Kind, Parameter, Search

_CONTAINS: Final = frozenset({"contains", "exact"})
#: Any system.
_ANY: Final = "*"


class Lookup(msgspec.Struct, frozen=True):
    """Words of the directory of which a part is searched. ``kind`` as in ``directory_word``."""

    kind: str
    part: str


#: The words of each lookup; ``None`` when so many people bear them that they are as soon found without.
Words = Mapping[Lookup, Sequence[str] | None]


class Condition(msgspec.Struct, frozen=True):
    """``sql`` with ``?`` for one value, and how that value is made of the text given.

    ``columns``: instead, columns that hold such a word of the directory as contains the value, and the kind of each.
    """

    sql: str
    make: Callable[[str], object] = str
    columns: tuple[tuple[str, str], ...] = ()


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter and its condition by modifier (``""``: none), or by system for an identifier."""

    parameter: Parameter
    by_modifier: dict[str, Condition] = {}
    by_system: dict[str, Condition] = {}


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """A type of resource: its table under an alias, its key, its parameters."""

    type: str
    table: str
    key: str
    updated: str
    rules: tuple[Rule, ...]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the CapabilityStatement lists."""
        return tuple(rule.parameter for rule in self.rules)


def _token(name: str, sql: str, make: Callable[[str], object] = str, *modifiers: str) -> Rule:
    conditions = {"": Condition(sql, make)} | {m: Condition(f"NOT ({sql})", make) for m in modifiers}
    return Rule(parameter=Parameter(name, Kind.TOKEN, modifiers=frozenset(modifiers)), by_modifier=conditions)


def _identifiers(by_system: dict[str, str]) -> Rule:
    conditions = {system: Condition(sql) for system, sql in by_system.items()}
    conditions[_ANY] = Condition(" OR ".join(dict.fromkeys(by_system.values())))
    return Rule(parameter=Parameter("identifier", Kind.TOKEN), by_system=conditions)


def _string(name: str, starts: str, contains: str, exact: str, make: Callable[[str], object] = search_key) -> Rule:
    return Rule(
        parameter=Parameter(name, Kind.STRING, modifiers=_CONTAINS),
        by_modifier={
            "": Condition(starts, make),
            "contains": Condition(contains, make),
            "exact": Condition(exact, make),
        },
    )


def _text(name: str, *columns: str, make: Callable[[str], object] = search_key) -> Rule:
    """Columns compared as they are, by their beginning unless said otherwise."""
    starts = " OR ".join(f"({column} >= ? AND {column} < ? || '~')" for column in columns)
    contains = " OR ".join(f"{column} LIKE '%' || ? || '%'" for column in columns)
    return _string(name, starts, contains, " OR ".join(f"{column} = ?" for column in columns), make)


def _name(name: str, *columns: tuple[str, str]) -> Rule:
    """Names, each in a column of words of the directory: ``:contains`` looks among these, not among all people."""
    rule = _text(name, *(column for column, _ in columns))
    within = Condition("", search_key, columns)
    return msgspec.structs.replace(rule, by_modifier=rule.by_modifier | {"contains": within})


def _among(name: str, *columns: str) -> str:
    """One of ``columns`` is the value; those of ``name`` written ``column?`` are often empty and indexed when not."""
    return " OR ".join(
        f"{name}.{column.rstrip('?')} = ?" + (f" AND {name}.{column[:-1]} <> ''" if column.endswith("?") else "")
        for column in columns
    )


def _reference(name: str, sql: str) -> Rule:
    return Rule(
        parameter=Parameter(name, Kind.REFERENCE),
        by_modifier={"": Condition(sql, lambda text: identifier_of(text.rpartition("/")[2]))},
    )


def _mailbox(link: str) -> Rule:
    def among(condition: str) -> str:
        return (
            "EXISTS (SELECT 1 FROM directory_mailbox m WHERE m.is_active AND NOT m.red_list"
            f" AND {link} AND m.address {condition})"
        )

    return _string(
        "mailbox-mss",
        among("LIKE ? || '%'"),
        among("LIKE '%' || ? || '%'"),
        among("= ?"),
        lambda text: text.lower().replace("\\", "").replace("%", "").replace("_", "\\_"),
    )


def _boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        raise MalformedInput(
            "FHIRValue", Text("active vaut true ou false.", "active is true or false."), location="active"
        )
    return text == "true"


def _common(alias: str, key: str) -> tuple[Rule, ...]:
    return (
        _token("_id", f"{key} = ?", identifier_of),
        Rule(parameter=Parameter("_lastUpdated", Kind.DATE)),
        *(() if alias == "d" else (_token("active", f"{alias}.is_active = ?", _boolean),)),
    )


def _source(system: str) -> Rule:
    return _token("data-information-system", f"?::text = '{system}'", str.upper)


_SITUATION_AUTHORITY: Final = (
    "EXISTS (SELECT 1 FROM directory_situation a JOIN directory_structure b ON b.id = a.structure"
    " WHERE {link} AND b.authority LIKE '%' || ? || '%')"
)

PRACTITIONER: Final = Collection(
    type="Practitioner",
    table="directory_professional p",
    key="p.id_nat",
    updated="p.updated_at",
    rules=(
        *_common("p", "p.id_nat"),
        _source("RPPS"),
        _token("data-registration-authority", _SITUATION_AUTHORITY.format(link="a.id_nat = p.id_nat")),
        _name("family", ("p.family_key", "F")),
        _name("given", ("p.given_key", "G")),
        _name("name", ("p.family_key", "F"), ("p.given_key", "G")),
        _identifiers({SYSTEM_RPPS: "(p.rpps = ? AND p.rpps <> '')", SYSTEM_PERSON: "p.id_nat = ?"}),
        _token("identifier-type", "(?::text = 'IDNPS' OR ?::text = 'RPPS' AND p.rpps <> '')"),
        _mailbox("m.id_nat = p.id_nat AND m.id_nat <> ''"),
        _token(
            "number-smartcard",
            "EXISTS (SELECT 1 FROM directory_smartcard c WHERE c.id_nat = p.id_nat AND c.number = ?)",
        ),
        _token(
            "type-smartcard", "EXISTS (SELECT 1 FROM directory_smartcard c WHERE c.id_nat = p.id_nat AND c.type = ?)"
        ),
        _token(
            "qualification-code",
            "EXISTS (SELECT 1 FROM directory_exercise e WHERE e.id_nat = p.id_nat"
            f" AND ({_among('e', 'profession', 'skill?', 'category', 'skill_type?')}))",
        ),
    ),
)
PRACTITIONER_ROLE: Final = Collection(
    type="PractitionerRole",
    table="directory_situation t",
    key="t.id",
    updated="t.updated_at",
    rules=(
        *_common("t", "t.id"),
        _source("RPPS"),
        _token(
            "data-registration-authority",
            "EXISTS (SELECT 1 FROM directory_structure b"
            " WHERE b.id = t.structure AND b.authority LIKE '%' || ? || '%')",
        ),
        _identifiers({SYSTEM_RPPS: "t.id = ?"}),
        _mailbox("m.id_nat = t.id_nat AND m.id_nat <> '' AND m.structure = t.structure AND m.structure <> ''"),
        _reference("organization", "t.structure = ?"),
        _reference("practitioner", "t.id_nat = ?"),
        _token("role", _among("t", "genre?", "mode", "role?", "pharmacy_section?")),
    ),
)
_STREET: Final = 'upper(s.street) COLLATE "C"'
ORGANIZATION: Final = Collection(
    type="Organization",
    table="directory_structure s",
    key="s.id",
    updated="s.updated_at",
    rules=(
        *_common("s", "s.id"),
        _text("address", "s.city_key", "s.postal_code", _STREET),
        _text("address-line", _STREET),
        _name("address-city", ("s.city_key", "C")),
        _text("address-postalcode", "s.postal_code"),
        _token(
            "data-information-system", "(?::text = CASE WHEN s.finess <> '' THEN 'FINESS' ELSE 'RPPS' END)", str.upper
        ),
        _token("data-registration-authority", "s.authority LIKE '%' || ? || '%'"),
        _identifiers(
            {
                SYSTEM_STRUCTURE: "s.id_nat = ?",
                SYSTEM_FINESS: "(s.finess = ? AND s.finess <> '')",
                SYSTEM_SIRENE: "(s.siret = ? AND s.siret <> '' OR s.siren = ? AND s.siren <> '')",
                SYSTEM_RPPS_RANK: "s.id_nat = '4' || ?",
            }
        ),
        _token(
            "identifier-type",
            "(?::text = 'IDNST' AND s.id_nat <> '' OR ?::text = 'FINEG' AND s.finess <> ''"
            " OR ?::text = 'SIREN' AND s.siren <> '' OR ?::text = 'SIRET' AND s.siret <> '')",
        ),
        _mailbox("m.structure = s.id AND m.structure <> '' AND m.id_nat = ''"),
        _text("name", "s.name_key"),
        _reference("partof", "(s.finess_ej = ltrim(?, 'F') AND s.finess_ej <> '')"),
        _token("type", _among("s", "sector", "category") + " OR ?::text = 'GEOGRAPHICAL-ENTITY'", str, "not"),
    ),
)
HEALTHCARE_SERVICE: Final = Collection(
    type="HealthcareService",
    table="directory_healthcare_service h",
    key="h.id",
    updated="h.updated_at",
    rules=(
        *_common("h", "h.id"),
        _source("FINESS"),
        _identifiers({SYSTEM_EQUIPMENT: "h.id = ?"}),
        _token("characteristic", "h.characteristic = ?"),
        _reference("organization", "h.structure = ?"),
        _token("service-category", "h.category = ?"),
        _token("service-type", "h.type = ?"),
    ),
)
DEVICE: Final = Collection(
    type="Device",
    table="directory_equipment d",
    key="d.id",
    updated="d.updated_at",
    rules=(
        *_common("d", "d.id"),
        _source("FINESS"),
        _identifiers({SYSTEM_EQUIPMENT: "d.id = ?"}),
        _text("manufacturer", 'upper(d.manufacturer) COLLATE "C"', make=str.upper),
        _text("model", 'upper(d.model) COLLATE "C"', make=str.upper),
        _reference("organization", "d.structure = ?"),
        _token("status", "d.is_active = (?::text = 'active')"),
        _token("type", "d.type = ?"),
    ),
)
COLLECTIONS: Final = {
    item.type: item for item in (PRACTITIONER, PRACTITIONER_ROLE, ORGANIZATION, HEALTHCARE_SERVICE, DEVICE)
}


def lookups_of(collection: Collection, search: Search) -> list[Lookup]:
    """The words to look up before ``conditions_of``."""
    rules = {rule.parameter.name: rule for rule in collection.rules}
    return [
        Lookup(kind, str(condition.make(text)))
        for clause in search.clauses
        if clause.modifier == "contains"
        for condition, text in _conditions(rules[clause.name], clause)
        for _, kind in condition.columns
    ]


def conditions_of(collection: Collection, search: Search, words: Words) -> tuple[str, list[object]]:
    """The WHERE of ``search`` (``TRUE`` if it asks for everything) with ``$n``, and the values."""
    rules = {rule.parameter.name: rule for rule in collection.rules}
    values: list[object] = []
    parts = [
        _of_clause(rules[clause.name], clause, words, values)
        for clause in search.clauses
        if clause.name != "_lastUpdated"
    ]
    span = search.span("_lastUpdated")
    for moment, comparison in ((span.start, ">="), (span.end, "<")):
        if moment is not None:
            values.append(moment)
            parts.append(f"{collection.updated} {comparison} ${len(values)}")
    return " AND ".join(parts) or "TRUE", values


def _of_clause(rule: Rule, clause: Clause, words: Words, values: list[object]) -> str:
    alternatives = []
    for condition, text in _conditions(rule, clause):
        value = condition.make(text)
        for sql, argument in _within(condition, str(value), words) if condition.columns else [(condition.sql, value)]:
            values.append(argument)
            alternatives.append(sql.replace("?", f"${len(values)}"))
    # NOT applies to the whole list: none of the values.
    joiner = " AND " if clause.modifier == "not" else " OR "
    return "(" + joiner.join(f"({item})" for item in alternatives) + ")" if alternatives else "FALSE"


def _within(condition: Condition, part: str, words: Words) -> Iterator[tuple[str, object]]:
    for column, kind in condition.columns:
        found = words[Lookup(kind, part)]
        if found is None:
            yield f"{column} LIKE '%' || ? || '%'", part
        else:
            yield f"{column} = ANY(?::text[])", found


def _conditions(rule: Rule, clause: Clause) -> Sequence[tuple[Condition, str]]:
    if rule.by_system:
        found = []
        for token in clause.tokens:
            condition = rule.by_system.get(_ANY if token.system is None else token.system)
            if condition is not None:
                found.append((condition, token.code))
        return found
    condition = rule.by_modifier[clause.modifier]
    if rule.parameter.kind is Kind.TOKEN:
        return [(condition, token.code) for token in clause.tokens]
    return [(condition, text) for text in clause.texts]
