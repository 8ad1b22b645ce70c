"""Breaks CDA documents in the ways that real software does, always the same way for the same seed."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from typing import TypeAlias

from lxml import etree

Mutation: TypeAlias = Callable[[random.Random, etree._Element], None]
V3 = "{urn:hl7-org:v3}"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
NULL_FLAVORS = ("UNK", "NA", "NASK", "NI", "OTH", "NINF", "ZZZ", "")
TEXTS = ("", "SP", "MME", "x y", "BR", "Copie du document", "  ", "12")
VALUES = ("", "2024", "20241301", "20240405103000+0200", "20240230", "abc", "0", "-1", "1.2.3", "completed", "true")
#: What Python and XPath may read differently: spaces, digits and numbers that only one of them knows.
STRANGE = (
    "\u00a0", " \t\n", "\u2003x", "x\u00a0y", "\u0661\u0662", "1_000", "1e3", "INF", "inf", "NaN", "nan", "+1", " 12 ",
    "\u00bd", "É", "ß", "\U0001f600", "-0", ".5", "5.", "0x1F", "TRUE", "20240405103000.123+0200", "2024\u00a0",
    "a,b c", "'\"<&>", "{x}", "mailto:a b@c.fr", "tel:%zz", "http://é.fr/", "c:CD", "zz:CD", ":", "://", "9" * 30,
)  # fmt: skip
MOODS = ("EVN", "INT", "RQO", "DEF", "")
CLASSES = ("OBS", "ACT", "CLUSTER", "BATTERY", "ENT", "")
#: What ``excerpt`` leaves: entries of a section, characters of a text.
MOST_ENTRIES, LONGEST_TEXT = 4, 2_000
TYPES = ("CD", "CE", "PQ", "IVL_TS", "c:CD", "ST", "BL", "TS")


def mutate(document: bytes, seed: int, count: int = 1, kinds: Sequence[Mutation] = ()) -> bytes:
    """``document`` after ``count`` mutations (of ``kinds``, or of any) drawn from ``seed``; well-formed, root kept."""
    chance = random.Random(seed)
    root = etree.fromstring(document)
    for _ in range(count):
        elements = [element for element in root.iter("*") if element is not root]
        if not elements:
            break
        narrated = _in_narrative(root)
        weights = [0.15 if element in narrated else 1.0 for element in elements]
        element = chance.choices(elements, weights)[0]
        chance.choice(kinds or MUTATIONS)(chance, element)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def excerpt(document: bytes, seed: int, sections: int = 3) -> bytes:
    """``document`` with its header and a few of its sections, files inside it cut short."""
    chance = random.Random(seed)
    root = etree.fromstring(document)
    for body in root.findall(f"{V3}component/{V3}structuredBody"):
        components = body.findall(f"{V3}component")
        for place in chance.sample(range(len(components)), max(0, len(components) - sections)):
            body.remove(components[place])
    for section in root.iter(f"{V3}section"):
        for entry in section.findall(f"{V3}entry")[:-MOST_ENTRIES]:
            section.remove(entry)
    for element in root.iter("*"):
        if element.text and len(element.text) > LONGEST_TEXT:
            element.text = element.text[:LONGEST_TEXT]
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _in_narrative(root: etree._Element) -> set[etree._Element]:
    """The elements below a ``text``."""
    found: set[etree._Element] = set()
    for element in root.iter("*"):
        parent = element.getparent()
        if parent is not None and (parent in found or str(parent.tag).rpartition("}")[2] == "text"):
            found.add(element)
    return found


def remove_element(chance: random.Random, element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def duplicate_element(chance: random.Random, element: etree._Element) -> None:
    element.addnext(copy.deepcopy(element))


def swap_with_next(chance: random.Random, element: etree._Element) -> None:
    following = element.getnext()
    if following is not None:
        following.addnext(element)


def remove_attribute(chance: random.Random, element: etree._Element) -> None:
    if element.attrib:
        del element.attrib[chance.choice(sorted(element.attrib))]


def change_attribute(chance: random.Random, element: etree._Element) -> None:
    if not element.attrib:
        element.set("value", chance.choice(VALUES))
        return
    name = chance.choice(sorted(element.attrib))
    choices: tuple[str, ...] = VALUES
    if name == "nullFlavor":
        choices = NULL_FLAVORS
    elif name == "moodCode":
        choices = MOODS
    elif name in ("classCode", "typeCode"):
        choices = CLASSES
    elif name == XSI_TYPE:
        choices = TYPES
    element.set(name, chance.choice([*choices, element.get(name, "") + "9", element.get(name, "")[:-1]]))


def set_null_flavor(chance: random.Random, element: etree._Element) -> None:
    if chance.random() < 0.5:
        for name in list(element.attrib):
            del element.attrib[name]
        for child in list(element):
            element.remove(child)
    element.set("nullFlavor", chance.choice(NULL_FLAVORS))


def swap_template(chance: random.Random, element: etree._Element) -> None:
    roots = sorted({found.get("root", "") for found in element.getroottree().iter(f"{V3}templateId")})
    if roots:
        template = etree.Element(f"{V3}templateId", root=chance.choice(roots))
        element.insert(0, template)


def take_another_code(chance: random.Random, element: etree._Element) -> None:
    others = [found for found in element.getroottree().iter("*") if found.get("code") and found.get("codeSystem")]
    if others:
        other = chance.choice(others)
        element.set("code", other.get("code", ""))
        if chance.random() < 0.5:
            element.set("codeSystem", other.get("codeSystem", ""))


def move_namespace(chance: random.Random, element: etree._Element) -> None:
    local = etree.QName(element).localname
    element.tag = chance.choice([local, f"{{urn:hl7-org:sdtc}}{local}", f"{{urn:ihe:pharm}}{local}"])


def rename_element(chance: random.Random, element: etree._Element) -> None:
    names = sorted({str(found.tag) for found in element.getroottree().iter("*")})
    element.tag = chance.choice(names)


def change_text(chance: random.Random, element: etree._Element) -> None:
    element.text = chance.choice(TEXTS)


def move_into_next(chance: random.Random, element: etree._Element) -> None:
    following = element.getnext()
    if following is not None and isinstance(following.tag, str):
        following.append(element)


def write_strange_value(chance: random.Random, element: etree._Element) -> None:
    if element.attrib and chance.random() < 0.7:
        element.set(chance.choice(sorted(element.attrib)), chance.choice(STRANGE))
    else:
        element.text = chance.choice(STRANGE)


def add_comment(chance: random.Random, element: etree._Element) -> None:
    node = etree.Comment(" x ") if chance.random() < 0.5 else etree.ProcessingInstruction("x", "y")
    node.tail = chance.choice(("", "z", " "))
    element.insert(0, node)


MUTATIONS: list[Mutation] = [
    remove_element,
    remove_element,
    duplicate_element,
    swap_with_next,
    remove_attribute,
    change_attribute,
    change_attribute,
    set_null_flavor,
    swap_template,
    take_another_code,
    move_namespace,
    rename_element,
    change_text,
    move_into_next,
    write_strange_value,
    add_comment,
]
