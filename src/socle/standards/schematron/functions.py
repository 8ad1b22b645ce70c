"""XPath functions turned into Python code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from socle.standards.schematron import operators, paths
from socle.standards.schematron import xpath as x
from socle.standards.schematron.forms import Scope, Value, exists_of, items_of
from socle.standards.schematron.shapes import BOOLEAN_CALLS, NUMBER_CALLS, STRING_CALLS

if TYPE_CHECKING:
    from socle.standards.schematron.codegen import Generator


def call(g: Generator, name: str, arguments: tuple[x.Expr, ...], scope: Scope) -> Value:
    """The value of a function call. Raises ``UnsupportedXPath`` for a function that is not translated."""
    if name in BOOLEAN_CALLS:
        return Value("bool", boolean_call(g, name, arguments, scope))
    if name in NUMBER_CALLS:
        return Value("num", number_call(g, name, arguments, scope))
    if name in STRING_CALLS:
        return Value("str", string_call(g, name, arguments, scope))
    if name.startswith("xs:"):
        return operators.cast(g, "cast", arguments[0], name + "?", scope)
    listed = [g.items(argument, scope) for argument in arguments]
    match name, arguments:
        case "distinct-values", (argument,):
            value = g.value(argument, scope)
            return Value("texts" if value.form == "texts" else "items", f"distinct({items_of(value)})")
        case "tokenize", (_, _, *_):
            joined = ", ".join(g.text(argument, scope) for argument in arguments)
            return Value("texts", f"tokenize({joined})")
        case "data", (_,):
            return Value("items", f"atoms({listed[0]})")
        case "current", ():
            return Value("nodes", "(n,)")
        case "root", ():
            return Value("nodes", "(d.root,)")
        case "resolve-QName", (_, _):
            element = g.value(arguments[1], scope)
            if element.form == "nodes":
                return Value("items", f"resolve_name({listed[0]}, {element.code}[0])")
        case "QName", (uri, local):
            return Value("items", f"[make_name({g.text(uri, scope)}, {g.text(local, scope)})]")
        case "sum", (_,):
            return Value("num", f"sum(to_double(i) for i in atoms({listed[0]}))")
        case "max" | "min", (_,):
            return Value("items", f"extreme({name!r}, {listed[0]})")
        case "round" | "floor" | "ceiling" | "abs", (_,):
            return Value("items", f"rounded({name!r}, {listed[0]})")
        case "doc" | "document", _:
            raise x.UnsupportedXPath(name, "document read as a whole")
    raise x.UnsupportedXPath(f"{name}()", "function")


def boolean_call(g: Generator, name: str, arguments: tuple[x.Expr, ...], scope: Scope) -> str:
    """Code of a function that gives a truth."""
    match name, arguments:
        case (("true" | "false"), ()):
            return name.capitalize()
        case "not", (argument,):
            return f"(not {g.truth(argument, scope)})"
        case "boolean", (argument,):
            return g.truth(argument, scope)
        case "exists" | "empty", (argument,):
            value = g.value(argument, scope)
            if value.form == "bool" and " in files.find(" in value.code:
                return value.code if name == "exists" else f"(not {value.code})"
            some = exists_of(value)
            return some if name == "exists" else f"(not {some})"
        case "contains", (whole, part):
            return f"({g.text(part, scope)} in {g.text(whole, scope)})"
        case "starts-with", (whole, part):
            return f"{g.text(whole, scope)}.startswith({g.text(part, scope)})"
        case "ends-with", (whole, part):
            return f"{g.text(whole, scope)}.endswith({g.text(part, scope)})"
        case "matches", (whole, expression):
            literal = g.value(expression, scope).literal
            if isinstance(literal, str) and (search := g.search(literal)):
                return f"({search}({g.text(whole, scope)}) is not None)"
            return f"matches({g.text(whole, scope)}, {g.text(expression, scope)})"
        case "matches", (_, _, _):
            return f"matches({', '.join(g.text(argument, scope) for argument in arguments)})"
        case "doc-available", (argument,):
            return f"files.available({g.text(argument, scope)})"
    raise x.UnsupportedXPath(f"{name}()", "arguments")


def number_call(g: Generator, name: str, arguments: tuple[x.Expr, ...], scope: Scope) -> str:
    """Code of a function that gives one number."""
    match name, arguments:
        case "count", (argument,):
            return paths.count(g, argument, scope)
        case "string-length", ():
            return f"len({g.text(x.ContextItem(), scope)})"
        case "string-length", (argument,):
            return f"len({g.text(argument, scope)})"
        case "number", ():
            return f"number({g.text(x.ContextItem(), scope)})"
        case "number", (argument,):
            return f"number(one({items_of(g.value(argument, scope))}))"
        case "position", () if scope.position:
            return scope.position
        case "last", () if scope.size:
            return scope.size
    raise x.UnsupportedXPath(f"{name}()", "arguments")


def string_call(g: Generator, name: str, arguments: tuple[x.Expr, ...], scope: Scope) -> str:
    """Code of a function that gives one string."""
    context = arguments or (x.ContextItem(),)
    match name, arguments:
        case "string", _:
            return g.text(context[0], scope)
        case "concat", (_, _, *_):
            return f"({' + '.join(g.text(argument, scope) for argument in arguments)})"
        case "normalize-space", _:
            return f"normalize({g.text(context[0], scope)})"
        case "substring", (whole, start, *rest):
            numbers = ", ".join(g.number(argument, scope) for argument in (start, *rest))
            return f"substring({g.text(whole, scope)}, {numbers})"
        case "substring-before", (whole, mark):
            return f"before({g.text(whole, scope)}, {g.text(mark, scope)})"
        case "substring-after", (whole, mark):
            return f"after({g.text(whole, scope)}, {g.text(mark, scope)})"
        case "replace", (_, _, _, *_):
            return f"replace({', '.join(g.text(argument, scope) for argument in arguments)})"
        case "translate", (_, _, _):
            return f"translate({', '.join(g.text(argument, scope) for argument in arguments)})"
        case "upper-case", (argument,):
            return f"{g.text(argument, scope)}.upper()"
        case "lower-case", (argument,):
            return f"{g.text(argument, scope)}.lower()"
        case "string-join", (listed, *separator):
            between = g.text(separator[0], scope) if separator else "''"
            if (value := g.value(listed, scope)).form == "texts":
                return f"{between}.join({value.code})"
            return f"join({g.items(listed, scope)}, {between})"
        case "name", _:
            return f"node_name({g.items(context[0], scope)})"
        case "local-name", () if scope.form == "node":
            return f"LOCAL[{scope.item}.tag]"
        case "local-name", _:
            return f"local_name({g.items(context[0], scope)})"
        case "namespace-uri", _:
            return f"namespace_uri({g.items(context[0], scope)})"
        case "iri-to-uri", (argument,):
            return f"iri_to_uri({g.text(argument, scope)})"
        case "local-name-from-QName", (argument,):
            return f"qname_part({g.items(argument, scope)}, 'local')"
        case "namespace-uri-from-QName", (argument,):
            return f"qname_part({g.items(argument, scope)}, 'uri')"
    raise x.UnsupportedXPath(f"{name}()", "arguments")
