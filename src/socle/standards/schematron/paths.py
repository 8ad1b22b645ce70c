"""Paths turned into the clauses of comprehensions, or into look-ups where an index answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from socle.standards.schematron import xpath as x
from socle.standards.schematron.axes import axis
from socle.standards.schematron.forms import (
    ATTRIBUTE_CLAUSE,
    BELOW_CLAUSE,
    CHILD_CLAUSE,
    Loop,
    Scope,
    Value,
    as_texts,
    is_alias,
    items_of,
    truth_of,
)
from socle.standards.schematron.shapes import (
    claimed,
    digest,
    entered,
    flatten,
    from_root,
    is_path,
    is_plain,
    is_positional,
    keyed,
    reads_elsewhere,
)

if TYPE_CHECKING:
    from socle.standards.schematron.codegen import Generator


def walk(g: Generator, expr: x.Expr, scope: Scope, *, as_items: bool = False) -> Loop:
    """A path as comprehension clauses."""
    head, steps = flatten(expr)
    loop = begin(g, head, scope, last=not steps, as_items=as_items)
    for rank, step in enumerate(steps):
        last = rank == len(steps) - 1
        loop = advance(g, loop, step, scope, last=last, as_items=as_items)
    return loop


def begin(g: Generator, head: x.Expr, scope: Scope, *, last: bool, as_items: bool) -> Loop:
    """The first step of a path."""
    match head:
        case x.Root():
            return Loop((), "d.root", "node", distinct=True, flat=True)
        case x.ContextItem():
            return Loop((), scope.item, scope.form, distinct=True, flat=True)
        case x.Step():
            start = Loop((), scope.item, scope.form, distinct=True, flat=True)
            return advance(g, start, head, scope, last=last, as_items=as_items)
    value = g.value(head, scope)
    name = g.fresh()
    if value.form == "nodes":
        return Loop((f"for {name} in {value.code}",), name, "node", distinct=True, flat=False)
    return Loop((f"for {name} in {items_of(value)}",), name, "item", distinct=True, flat=False)


def advance(g: Generator, loop: Loop, step: x.Expr, scope: Scope, *, last: bool, as_items: bool) -> Loop:
    """A path one step further."""
    if isinstance(step, x.ContextItem):
        return loop
    if not isinstance(step, x.Step):
        return mapped(g, loop, step, scope)
    if loop.form == "item":
        loop = only_nodes(g, loop)
    if loop.form != "node":
        raise x.UnsupportedXPath(str(step.axis), "step from a text")
    node, name = loop.result, g.fresh()
    source, form, flat = axis(step, node, g.fresh, as_items=as_items and last)
    distinct = loop.distinct
    if step.axis in ("parent", "ancestor", "ancestor-or-self", "following-sibling", "preceding-sibling"):
        distinct = not loop.clauses
    elif step.axis in ("descendant", "descendant-or-self"):
        distinct = loop.distinct and loop.flat
    flat = flat and loop.flat
    inner = scope.at(name, form)
    filters: list[str] = []
    for predicate in step.predicates:
        if is_positional(predicate, scope.variables):
            listed = f"[{name} for {name} in {source}{''.join(' ' + one for one in filters)}]" if filters else source
            filters, source = [], positioned(g, listed, predicate, inner, name)
        else:
            filters.append(f"if {g.truth(predicate, inner)}")
    clauses = (*loop.clauses, f"for {name} in {source}", *filters)
    return Loop(clauses, name, form, distinct, flat)


def mapped(g: Generator, loop: Loop, step: x.Expr, scope: Scope) -> Loop:
    """``left/expression``: the expression on every node of left."""
    inner = scope.at(loop.result, loop.form)
    value, name = g.value(step, inner), g.fresh()
    if value.form == "nodes":
        return Loop((*loop.clauses, f"for {name} in {value.code}"), name, "node", distinct=False, flat=False)
    return Loop((*loop.clauses, f"for {name} in {items_of(value)}"), name, "item", distinct=True, flat=False)


def only_nodes(g: Generator, loop: Loop) -> Loop:
    """A path whose items must be nodes, since a step follows."""
    name = g.fresh()
    return loop._replace(clauses=(*loop.clauses, f"for {name} in (node_of({loop.result}),)"), result=name, form="node")


def positioned(g: Generator, source: str, predicate: x.Expr, scope: Scope, name: str) -> str:
    """What a positional predicate keeps of ``source``."""
    if isinstance(predicate, x.Literal) and isinstance(predicate.value, int) and predicate.value > 0:
        return f"{source}[{predicate.value - 1}:{predicate.value}]"
    if predicate == x.Call("last", ()):
        return f"{source}[-1:]"
    rank, whole = g.fresh("p"), g.fresh("w")
    inner = scope._replace(position=rank, size=f"len({whole})")
    value = g.value(predicate, inner)
    condition = f"{value.code} == {rank}" if value.form == "num" else truth_of(value)
    if value.form == "items":
        condition = f"at_position({value.code}, {rank})"
    return f"[{name} for {whole} in ({source},) for {rank}, {name} in enumerate({whole}, 1) if {condition}]"


def exists(loop: Loop) -> str:
    """Code that tells whether a path gives any node."""
    if loop.form == "item":
        return truth_of(gathered(loop))
    if not loop.clauses:
        return "True"
    if (attribute := ATTRIBUTE_CLAUSE.fullmatch(loop.clauses[-1])) is not None:
        loop = loop._replace(clauses=(*loop.clauses[:-1], f"if {attribute[2]} in {attribute[1]}.attrs"))
        if len(loop.clauses) == 1:
            return f"({attribute[2]} in {attribute[1]}.attrs)"
    first = loop.clauses[0]
    if len(loop.clauses) == 1 and first.startswith("for "):
        return f"bool({first.partition(' in ')[2]})"
    if len(loop.clauses) == 2 and is_alias(first) and loop.clauses[1].startswith("if "):
        name, _, source = first[4:].partition(" in ")
        condition = re.sub(rf"\b{name}\b", source[1:-2], loop.clauses[1][3:])
        return f"({condition})"
    return guarded(loop, f"any(True {' '.join(loop.clauses)})", "")


def guarded(loop: Loop, code: str, otherwise: str) -> str:
    """``code``, run only when the first element it looks for is there: most are not, and a look-up is cheap."""
    if not loop.clauses:
        return code
    if (found := CHILD_CLAUSE.match(loop.clauses[0])) is not None:
        present = f"{found[2]} in {found[1]}.kids"
    elif (found := BELOW_CLAUSE.match(loop.clauses[0])) is not None:
        present = f"{found[1]} in d.by_tag"
    else:
        return code
    return f"({code} if {present} else {otherwise})" if otherwise else f"({present} and {code})"


def gathered(loop: Loop) -> Value:
    """A path as a sequence."""
    form = {"node": "nodes", "text": "texts", "item": "items"}[loop.form]
    if len(loop.clauses) == 1 and loop.clauses[0].startswith(f"for {loop.result} in "):
        code = loop.clauses[0].partition(" in ")[2]
    else:
        code = f"[{loop.result} {' '.join(loop.clauses)}]" if loop.clauses else f"({loop.result},)"
        code = guarded(loop, code, "E")
    return Value(form, code if loop.distinct or form == "texts" else f"unique({code})")


def lookup(g: Generator, expr: x.Expr, scope: Scope) -> str | None:
    """Existence answered by an index, for the shapes that fill rule sets."""
    head, chain = flatten(expr)
    node = "d.root" if isinstance(head, x.Root) else scope.item
    if isinstance(head, x.Step):
        chain = [head, *chain]
    elif not isinstance(head, x.Root | x.ContextItem):
        return None
    if scope.form != "node" and node != "d.root":
        return None
    if len(chain) != 1 or not isinstance(chain[0], x.Step):
        return None
    step = chain[0]
    if step.axis == "attribute" and is_plain(step.test.name) and not step.predicates:
        return f"({step.test.name!r} in {node}.attrs)"
    if step.axis == "self" and step.test.kind == "element" and is_plain(step.test.name):
        inner = scope.at(node, "node")
        if any(is_positional(predicate, scope.variables) for predicate in step.predicates):
            return None
        conditions = [f"{node}.tag == {step.test.name!r}", *(g.truth(one, inner) for one in step.predicates)]
        return f"({' and '.join(conditions)})"
    if step.axis == "child" and step.test.kind == "element" and not step.predicates and is_plain(step.test.name):
        return f"({step.test.name!r} in {node}.kids)"
    if (template := claimed(step)) is not None:
        if step.axis == "child":
            return f"({template!r} in {node}.templates)"
        if step.axis == "descendant" and node == "d.root":
            return f"({template!r} in d.by_template)"
        if step.axis == "descendant":
            return f"bool(claims_below(d, {node}, {template!r}))"
    return None


def count(g: Generator, expr: x.Expr, scope: Scope) -> str:
    """``count(expr)``."""
    head, steps = flatten(expr)
    is_child = isinstance(head, x.Step) and not steps and head.axis == "child" and scope.form == "node"
    if is_child and isinstance(head, x.Step) and (template := claimed(head)) is not None:
        return f"{scope.item}.templates.count({template!r})"
    if isinstance(head, x.ContextItem) and len(steps) == 1 and scope.form == "node":
        step = steps[0]
        if isinstance(step, x.Step) and step.axis == "descendant" and (template := claimed(step)) is not None:
            return f"claims_below(d, {scope.item}, {template!r})"
    if is_path(expr) and document_values(g, expr, scope) is None:
        return g.once(expr, f"len({gathered(walk(g, expr, scope)).code})")
    return f"len({g.items(expr, scope)})"


def document_values(g: Generator, expr: x.Expr, scope: Scope) -> Value | None:
    """Values read in another file (a value set): gathered once and kept as a set."""
    head, steps = flatten(expr)
    if not isinstance(head, x.Call) or head.name not in ("doc", "document") or len(head.arguments) != 1:
        return None
    address = g.text(head.arguments[0], scope)
    is_named = g.value(head.arguments[0], scope).literal is not None
    if steps and not any(map(reads_elsewhere, steps)):
        path = from_root(steps)
        inside = as_texts(g.value(path, Scope("d.root", "node", {})))
        site = f"{address}, {digest(path)!r}, lambda d: {inside}"
        g.sites |= {site: None} if is_named else {}
        return Value("texts", f"files.find({site})")
    if (found := keyed(entered(steps))) is not None:
        nodes, conditions = found
        keys = tuple(sorted(conditions))
        wanted = [g.value(conditions[key], scope) for key in keys]
        if all(value.form in ("opt", "str") for value in wanted):
            path, name = from_root(nodes), g.fresh()
            inside = g.value(path, Scope("d.root", "node", {})).code
            row = f"[r for {name} in {inside} for r in rows({name}, {keys!r})]"
            listed = ", ".join(value.code for value in wanted)
            site = f"{address}, {digest(path) + ''.join(keys)!r}, lambda d: {row}"
            g.sites |= {site: None} if is_named else {}
            return Value("bool", f"(({listed},) in files.find({site}))")
    raise x.UnsupportedXPath(f"{head.name}()", "path into another document")
