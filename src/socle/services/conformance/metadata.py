"""XDS metadata beside the document that they describe: each difference is a finding of the verdict."""

from __future__ import annotations

import msgspec

from socle.services.conformance.domain import Finding, Layer, RuleSet, Severity, Verdict
from socle.standards.cda.metadata import Severity as Difference
from socle.standards.cda.metadata import check_metadata
from socle.standards.errors import Text
from socle.standards.xds.model import DocumentEntry


def with_metadata(verdict: Verdict, content: bytes, entry: DocumentEntry) -> Verdict:
    """``verdict`` with a finding for each difference between the XDS entry and the document."""
    findings = [
        Finding(
            layer=Layer.METADATA,
            severity=Severity.ERROR if difference.severity is Difference.REFUSAL else Severity.WARNING,
            rule_set="socle:metadata",
            version="1",
            requirement=f"XDS {difference.attribute}",
            message=difference.reason,
            location=difference.location,
            found=difference.found,
            expected=Text(difference.expected, difference.expected),
        )
        for difference in check_metadata(entry, content)
    ]
    rule_sets = [*verdict.rule_sets, RuleSet(Layer.METADATA, "socle:metadata", "1")]
    return msgspec.structs.replace(verdict, rule_sets=rule_sets, findings=[*verdict.findings, *findings])
