"""What a verdict means for a feed: the operator's policy, as a table.

``off``: nothing is judged. ``warn``: the verdict is stored and told to the sender. ``information``, ``warning``,
``error``: a document with a finding at least that heavy is refused.
"""

from __future__ import annotations

from typing import Final

from socle.services.conformance.domain import Finding, Severity, Verdict
from socle.standards.errors import InvalidContent, Text

OFF: Final = "off"
WARN: Final = "warn"
POLICIES: Final = (OFF, WARN, *Severity)
_TOLD: Final = 3


def require_policy(policy: str) -> str:
    """``policy`` itself. Raises ``InvalidContent`` when it is not one of ``POLICIES``."""
    if policy not in POLICIES:
        raise InvalidContent(
            "InvalidSetting",
            Text(
                f"SOCLE_CONFORMANCE_POLICY vaut {', '.join(POLICIES)}.",
                f"SOCLE_CONFORMANCE_POLICY is one of {', '.join(POLICIES)}.",
            ),
        )
    return policy


def refusing_findings(policy: str, verdict: Verdict) -> list[Finding]:
    """The findings for which ``policy`` refuses the document."""
    if policy in (OFF, WARN):
        return []
    least = Severity(policy).rank
    return [finding for finding in verdict.findings if finding.severity.rank >= least]


def refusal(findings: list[Finding]) -> InvalidContent:
    """The refusal of a document for ``findings``: the first ones told, with place and rule. No personal data."""
    told = findings[:_TOLD]
    more = len(findings) - len(told)
    requirements = ", ".join(sorted({finding.requirement for finding in told}))
    return InvalidContent(
        "ConformanceRefused",
        Text(
            f"Le document n'est pas conforme : {len(findings)} constats ({requirements}).",
            f"The document does not conform: {len(findings)} findings ({requirements}).",
        ),
        location=told[0].location,
        remedy=Text(
            f"Corrigez d'abord {told[0].requirement} à la ligne {told[0].line}"
            + (f", puis {more} autres." if more > 0 else "."),
            f"Correct {told[0].requirement} on line {told[0].line} first"
            + (f", then {more} more." if more > 0 else "."),
        ),
        requirement=f"{told[0].rule_set} {told[0].version}, {told[0].requirement}",
    )
