"""Axes: the code that gives the nodes of a step from one node."""

from __future__ import annotations

from collections.abc import Callable

from socle.standards.schematron import xpath as x
from socle.standards.schematron.forms import Keep
from socle.standards.schematron.shapes import is_plain


def axis(step: x.Step, node: str, fresh: Callable[[str], str], *, as_items: bool) -> tuple[str, str, bool]:
    """Code of what an axis gives from ``node``, its form, and whether no result is inside another."""
    test, axis = step.test, step.axis
    if axis == "attribute":
        return attribute_axis(test, node, fresh, as_items=as_items)
    if test.kind == "text":
        return text_axis(axis, node, fresh, as_items=as_items)
    if test.kind in ("comment", "pi"):
        return "()", "node", True
    if test.kind == "node" and axis == "child" and as_items:
        return f"[*{node}.children, *text_nodes({node})]", "item", True
    plain, keep = is_plain(test.name), name_filter(test, fresh)
    match axis:
        case "child":
            return (f"{node}.kids.get({test.name!r}, E)" if plain else keep(f"{node}.children")), "node", True
        case "descendant" if test.name.startswith("*:"):
            return f"below_any(d, {node}, {test.name[2:]!r})", "node", False
        case "descendant":
            listed = f"below(d, {node}, {test.name!r})" if plain else keep(f"descendants(d, {node})")
            return listed, "node", False
        case "descendant-or-self":
            return keep(f"[{node}, *descendants(d, {node})]", always=True), "node", False
        case "self":
            return keep(f"({node},)", always=True), "node", True
        case "parent":
            return keep(f"parents({node})", always=True), "node", True
        case "ancestor":
            return keep(f"ancestors({node})"), "node", False
        case "ancestor-or-self":
            return keep(f"[{node}, *ancestors({node})]"), "node", False
        case "sibling":
            return keep(f"siblings({node})"), "node", True
        case "following-sibling":
            return keep(f"following({node})"), "node", True
        case "preceding-sibling":
            return keep(f"preceding({node})"), "node", True
    raise x.UnsupportedXPath(axis, "axis")


def attribute_axis(test: x.Test, node: str, fresh: Callable[[str], str], *, as_items: bool) -> tuple[str, str, bool]:
    """The attributes of ``node``: as values, or as nodes when ``as_items``."""
    name = fresh("t")
    if not is_plain(test.name):
        local = test.name[2:] if test.name.startswith("*:") else ""
        kept = f" if same_local({name}.name, {local!r})" if local else ""
        listed = f"[{name} for {name} in attributes({node}){kept}]"
        return (listed, "item", True) if as_items else (f"[{name}.value for {name} in {listed}]", "text", True)
    if as_items:
        attribute = f"(Attr({node}, {test.name!r}, {node}.attrs[{test.name!r}]),)"
        return f"({attribute} if {test.name!r} in {node}.attrs else ())", "item", True
    return f"(({node}.attrs[{test.name!r}],) if {test.name!r} in {node}.attrs else ())", "text", True


def text_axis(axis: str, node: str, fresh: Callable[[str], str], *, as_items: bool) -> tuple[str, str, bool]:
    """The texts of ``node``: as values, or as nodes when ``as_items``."""
    if axis == "child":
        return (f"text_nodes({node})", "item", True) if as_items else (f"{node}.texts()", "text", True)
    if axis == "descendant" and not as_items:
        return f"{node}.all_texts()", "text", True
    if axis == "descendant":
        owner, name = fresh("a"), fresh("a")
        return (
            f"[{name} for {owner} in ({node}, *descendants(d, {node})) for {name} in text_nodes({owner})]",
            "item",
            True,
        )
    raise x.UnsupportedXPath(f"{axis}::text()", "axis")


def name_filter(test: x.Test, fresh: Callable[[str], str]) -> Keep:
    """What keeps the nodes that ``test`` accepts."""
    return Keep(test, fresh("k"))
