"""The official kit: installed once as it was downloaded, compiled to a store, loaded lazily by every process.

The store holds what verdicts need and nothing more: one plan a rule set, the sets that rules read, the XML schema.
Plans and sets are ``marshal`` files, with the trust of ``.pyc`` files: sealed, they are read by who wrote them alone.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import posixpath
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from lxml import etree

from socle.services.conformance.domain import KitReport, Layer, Uncovered
from socle.services.conformance.doubts import doubts, missing_sets, schema_names, substituted
from socle.services.conformance.kit_folder import KitFolder, unpacked
from socle.services.conformance.seal import NotOurs, read_sealed, write_sealed
from socle.standards.errors import InvalidContent, NotFound, SocleError, Text, Unavailable
from socle.standards.schematron.files import Files, SetKey
from socle.standards.schematron.plan import Firing, Plan, compile_schema, load_plan
from socle.standards.schematron.schema import Defect, load_schema
from socle.standards.schematron.tree import Document

#: Where the official pipeline finds each rule set, by the end of its path, whatever its case.
LAYER_FILES: Final = {
    Layer.HEADER: "asip-struct-min-strucmin.sch",
    Layer.IHE: "ihe.sch",
    Layer.FRENCH: "ci-sis_modelesdecontenuscda.sch",
    Layer.ANS: "ci-sis_modeles_ans.sch",
    Layer.TERMINOLOGY: "terminologie.sch",
}
_DOCUMENT_PREFIX: Final = "ci-sis_"
_SCHEMA_FILE: Final = "cda_extended.xsd"


class _Missing:
    """``KitFolder`` as the ``Source`` of ``Files``: a file that is not there is None."""

    def __init__(self, folder: KitFolder) -> None:
        self._folder = folder

    def exists(self, path: str) -> bool:
        return self._folder.exists(path)

    def read(self, path: str) -> bytes | None:
        try:
            return self._folder.read(path)
        except NotFound:
            return None


class StoredSets:
    """Sets on disk, one file each, read when a rule first asks for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: SetKey) -> frozenset[object] | None:
        """The set of ``key``."""
        try:
            content = read_sealed(self._path(key))
        except FileNotFoundError:
            return None
        found: frozenset[object] = marshal.loads(content)  # noqa: S302 - see the module's trust note
        return found

    def __setitem__(self, key: SetKey, value: frozenset[object]) -> None:
        """Keeps a set."""
        write_sealed(self._path(key), marshal.dumps(value))  # type: ignore[arg-type]  # strings, or tuples of them

    def _path(self, key: SetKey) -> Path:
        digest = hashlib.blake2b(f"{key.path}\0{key.query}".encode(), digest_size=12).hexdigest()
        return self._folder / f"{digest}.set"


class _StoredNames:
    """The names of the files that were in the kit, for ``doc-available``; their contents are in ``StoredSets``."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def exists(self, path: str) -> bool:
        return path.lower() in self._names

    def read(self, path: str) -> bytes | None:
        return None


class _Manifest(msgspec.Struct):
    report: KitReport
    names: list[str]
    schema: str


class OfficialKit:
    """An installed kit; rule sets are loaded when a document first needs them."""

    #: A kit without its XML schema says so among its defects, and judges nothing there, as the official pipeline.
    has_structure = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=_Manifest)
        self.report = manifest.report
        self._schema_path = manifest.schema
        self._source = _StoredNames(frozenset(manifest.names))
        self._sets = StoredSets(folder / "sets")
        self._plans: dict[str, Plan] = {}
        self._schema: etree.XMLSchema | None = None

    @property
    def identifier(self) -> str:
        """``ans`` : the kit of the Agence du numérique en santé."""
        return "ans"

    def expected(self, firing: Firing) -> Text:
        """The test itself: the kit says no more."""
        sign = "not " if firing.check.is_report else ""
        return Text(f"{sign}{firing.check.test}", f"{sign}{firing.check.test}")

    @property
    def version(self) -> str:
        """The first characters of the kit's digest."""
        return self.report.digest[:12]

    def plan(self, rule_set: str) -> Plan | None:
        """The plan of a layer, or of a document schema (``LDL-SES_2022.01``)."""
        if rule_set not in self._plans:
            path = {**self.report.layers, **self.report.documents}.get(rule_set)
            if path is None:
                return None
            content = read_sealed(self._folder / "plans" / f"{rule_set}.plan")
            self._plans[rule_set] = load_plan(content, Files(posixpath.dirname(path), self._source, self._sets))
        return self._plans[rule_set]

    @property
    def schema(self) -> etree.XMLSchema | None:
        """The XML schema of the kit."""
        if self._schema is None and self._schema_path:
            self._schema = etree.XMLSchema(etree.parse(self._folder / "schema" / self._schema_path))
        return self._schema


def installed_kit(store: Path) -> OfficialKit | None:
    """The kit in ``store``, or None.

    Raises ``NotOurs`` for a store that another user wrote, since it holds code, and ``Unavailable`` (``KitStale``) for
    one that another version of Socle wrote or that is damaged: other rules instead would change verdicts unseen.
    """
    pointer = store / "current"
    if not pointer.is_file():
        return None
    folder = store / pointer.read_text("ascii").strip()
    try:
        kit = OfficialKit(folder)
        if kit.report.layers:
            kit.plan(next(iter(kit.report.layers)))
        return kit
    except NotOurs:
        raise
    except (SocleError, OSError, msgspec.DecodeError) as error:
        raise Unavailable(
            "KitStale",
            Text(
                "Le kit installé vient d'une autre version de Socle, ou il est abîmé.",
                "The installed kit comes from another version of Socle, or it is damaged.",
            ),
            remedy=Text("Installez le kit à nouveau (socle conformance install).", "Install the kit again."),
        ) from error


def install_kit(kit: Path, store: Path, progress: Callable[[str], None] = lambda _step: None) -> KitReport:
    """Compiles the kit in a directory or a ZIP into ``store`` and makes it the one in force.

    Raises ``InvalidContent`` when nothing in it is a rule set, ``TooLarge`` over documented limits.
    """
    if not kit.exists():
        raise NotFound("KitNotFound", Text(f"Introuvable : {kit}", f"Not found: {kit}"))
    with tempfile.TemporaryDirectory() as room:
        folder = KitFolder(unpacked(kit, Path(room)))
        store.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(dir=store, prefix="building-"))
        try:
            report = _build(folder, building, progress)
            target = store / report.digest[:24]
            shutil.rmtree(target, ignore_errors=True)
            building.rename(target)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    pointer = store / "current.new"
    pointer.write_text(target.name, "ascii")
    os.replace(pointer, store / "current")
    for other in store.iterdir():
        if other.is_dir() and other != target and other.name != "own":
            shutil.rmtree(other, ignore_errors=True)
    return report


def _build(folder: KitFolder, target: Path, progress: Callable[[str], None]) -> KitReport:
    for part in ("plans", "sets", "schema"):
        (target / part).mkdir()
    sets = StoredSets(target / "sets")
    source = _Missing(folder)
    digest = hashlib.sha256()
    defects: list[Defect] = []
    uncovered: list[Uncovered] = []
    layers: dict[str, str] = {}
    documents: dict[str, str] = {}
    known = schema_names(folder.read(path) for path in folder.starting("", ".xsd"))
    rules = checks = 0
    for layer, name, path in _rule_sets(folder):
        progress(name)
        try:
            schema = load_schema(path, folder)
        except SocleError as error:
            defects.append(Defect("RuleSetUnreadable", path, error.reason))
            continue
        digest.update(msgspec.msgpack.encode(schema))
        plan = compile_schema(schema, Files(posixpath.dirname(path), source, sets))
        missing = plan.gather()
        if layer is Layer.TERMINOLOGY:
            _warm_terminologies(plan, folder, path)
        write_sealed(target / "plans" / f"{name}.plan", plan.dump())
        (documents if layer is Layer.DOCUMENT else layers)[name] = path
        rules += sum(len(pattern.rules) for pattern in schema.patterns)
        checks += len(plan.checks)
        uncovered += [Uncovered(layer, one.expression, one.reason) for one in plan.uncovered]
        defects += [*schema.defects, *missing_sets(schema, missing), *doubts(schema, known)]
    if not layers and not documents:
        raise InvalidContent(
            "NotAKit",
            Text("Aucun schématron lisible du CI-SIS dans ce kit.", "No readable CI-SIS Schematron in this kit."),
            location=defects[0].where if defects else "",
            remedy=Text("Donnez le dossier qui contient « schematrons ».", "Give the folder that holds “schematrons”."),
        )
    progress("schema")
    schema_path = _copy_schema(folder, target / "schema", defects)
    defects += [
        Defect("LayerMissing", name, Text(f"Jeu de règles absent : {name}", f"Rule set missing: {name}"))
        for layer, name in LAYER_FILES.items()
        if layer not in layers
    ]
    defects += substituted(folder.substituted)
    report = KitReport(
        digest=digest.hexdigest(),
        installed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        layers=layers,
        documents=documents,
        rules=rules,
        checks=checks,
        value_sets=sum(1 for _ in (target / "sets").iterdir()),
        defects=sorted(set(defects), key=lambda one: (one.code, one.where, one.reason.fr)),
        uncovered=uncovered,
    )
    names = [path.lower() for path in folder.starting("", "") if path.lower().endswith((".rdf", ".xml"))]
    manifest = _Manifest(report, names, schema_path)
    (target / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    return report


def _rule_sets(folder: KitFolder) -> Iterator[tuple[Layer, str, str]]:
    for layer, name in LAYER_FILES.items():
        for path in folder.ending(name)[:1]:
            yield layer, layer.value, path
    common = set(LAYER_FILES.values())
    for path in folder.starting(_DOCUMENT_PREFIX, ".sch"):
        name = posixpath.basename(path)
        if name.lower() not in common:
            yield Layer.DOCUMENT, name[len(_DOCUMENT_PREFIX) : -len(".sch")], path


def _warm_terminologies(plan: Plan, folder: KitFolder, path: str) -> None:
    """Makes the rules ask for every terminology of the kit, so that its sets are in the store."""
    root = etree.Element("{urn:hl7-org:v3}ClinicalDocument")
    for terminology in folder.starting("", ".rdf"):
        system = posixpath.basename(terminology)[: -len(".rdf")]
        etree.SubElement(root, "{urn:hl7-org:v3}code", code="-", codeSystem=system)
    value = etree.SubElement(root, "{urn:hl7-org:v3}value", unit="-")
    value.set("{http://www.w3.org/2001/XMLSchema-instance}type", "PQ")
    plan.evaluate(Document(root))


def _copy_schema(folder: KitFolder, target: Path, defects: list[Defect]) -> str:
    found = folder.ending(_SCHEMA_FILE)
    if not found:
        defects.append(
            Defect("SchemaMissing", _SCHEMA_FILE, Text("schéma XML absent", "the XML schema is missing"))
        )  # fmt: skip
        return ""
    top = posixpath.dirname(found[0])
    for path in folder.starting("", ".xsd"):
        if path.startswith(f"{top}/") or not top:
            copied = target / posixpath.relpath(path, top or ".")
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder.root / path, copied)
    name = posixpath.relpath(found[0], top or ".")
    try:
        etree.XMLSchema(etree.parse(target / name))
    except (etree.XMLSchemaParseError, etree.XMLSyntaxError) as error:
        reason = str(error).splitlines()[0]
        defects.append(Defect("SchemaBroken", found[0], Text(reason, reason)))
        return ""
    return name
