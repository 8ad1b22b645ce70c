"""The reference pipeline: the ISO skeleton (XSLT 2) run by SaxonC, for oracle tests and benches.

Needs the extra ``reference`` (``saxonche``) and the three style sheets of the skeleton, which an official kit carries
in ``schematrons/moteur``. One ``ReferenceEngine`` belongs to one thread: SaxonC processors are not shared.

Source: ISO/IEC 19757-3:2016, annex C; the "skeleton" implementation, XSLT 2 edition.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lxml import etree

from socle.standards.schematron.svrl import SvrlEntry, read_svrl

if TYPE_CHECKING:
    from saxonche import PyXsltExecutable

STEPS: Final = ("iso_dsdl_include.xsl", "iso_abstract_expand.xsl", "iso_svrl_for_xslt2.xsl")


#: The French edition of the skeleton leaves ``@test`` out of failed asserts; it is put back to compare rule by rule.
_WITH_TEST: Final = '<svrl:failed-assert test="{$test}">'


class ReferenceAborted(Exception):
    """The style sheet stopped on this document (an XPath type error): the reference gives no report for this layer."""


class ReferenceEngine:
    """Compiles Schematron files with the skeleton and runs them; each file is compiled once."""

    def __init__(self, skeleton: Path) -> None:
        from saxonche import PySaxonProcessor  # the optional extra: imported only where it is used

        self._processor = PySaxonProcessor(license=False)
        xslt = self._processor.new_xslt30_processor()
        self._folder = tempfile.TemporaryDirectory()  # lives as long as the engine: messages reread their style sheet
        for sheet in skeleton.glob("iso_*.xsl"):
            text = sheet.read_text("utf-8").replace("<svrl:failed-assert>", _WITH_TEST)
            (Path(self._folder.name) / sheet.name).write_text(text, "utf-8")
        self._steps = [xslt.compile_stylesheet(stylesheet_file=str(Path(self._folder.name) / step)) for step in STEPS]
        self._compiled: dict[Path, PyXsltExecutable] = {}

    def compile(self, schematron: Path) -> PyXsltExecutable:
        """The executable for ``schematron``; relative ``document()`` calls resolve beside it, as in the kit."""
        if schematron not in self._compiled:
            source = schematron
            for number, step in enumerate(self._steps):
                result = schematron.with_name(f".{schematron.stem}.{number}.xsl")
                step.transform_to_file(source_file=str(source), output_file=str(result))
                source = result
            xslt = self._processor.new_xslt30_processor()
            self._compiled[schematron] = xslt.compile_stylesheet(stylesheet_file=str(source))
        return self._compiled[schematron]

    def run(self, schematron: Path, document: Path) -> list[SvrlEntry]:
        """What the skeleton reports on ``document``. Raises ``ReferenceAborted`` when the style sheet stops."""
        return read_svrl(etree.fromstring(self.svrl(schematron, document)))

    def svrl(self, schematron: Path, document: Path) -> bytes:
        """The SVRL report of ``document``. Raises ``ReferenceAborted`` when the style sheet stops."""
        executable = self.compile(schematron)
        try:
            report = executable.transform_to_string(source_file=str(document))
        except Exception as error:  # saxonche raises its own class, whose name differs between releases
            raise ReferenceAborted(str(error).splitlines()[0]) from error
        if not report:
            raise ReferenceAborted("no output")
        return str(report).encode()
