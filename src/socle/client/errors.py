"""What a door refuses: every error that it told, as one exception."""

from __future__ import annotations

from collections.abc import Sequence

import httpx

from socle.standards.errors import SocleError, Text, Unavailable
from socle.standards.soap import Fault
from socle.standards.xds.errors import XdsError


class Refused(SocleError):
    """The other side refused. ``errors`` holds each reason; ``code`` and ``reason`` are those of the first."""

    http_status = 422

    def __init__(self, errors: Sequence[XdsError]) -> None:
        first = (
            errors[0] if errors else XdsError(code="Refused", context="Refus sans motif. / Refused without a reason.")
        )
        fr, _, en = first.context.partition(" / ")
        super().__init__(first.code, Text(fr, en or fr), location=first.location)
        self.errors = tuple(errors) or (first,)


def refused_by_fault(fault: Fault) -> Refused:
    """The refusal that a SOAP fault says; its WSS subcode stands in for a code that is not given."""
    subcode = fault.subcodes[-1].rpartition("}")[2] if fault.subcodes else ""
    context = f"{fault.reason.fr} / {fault.reason.en}"
    if fault.remedy is not None:
        context = f"{fault.reason.fr} {fault.remedy.fr} / {fault.reason.en} {fault.remedy.en}"
    return Refused([XdsError(code=fault.error_code or subcode or fault.code, context=context, location=fault.location)])


def unreachable(error: httpx.HTTPError) -> Unavailable:
    """The other side did not answer."""
    url = str(error.request.url.copy_with(query=None)) if getattr(error, "_request", None) is not None else ""
    return Unavailable(
        "Unreachable",
        Text(f"{url or 'Le service'} ne répond pas.", f"{url or 'The service'} does not answer."),
        remedy=Text(
            "Vérifiez l'adresse (--url ou SOCLE_URL) et que la base est démarrée (socle serve).",
            "Check the address (--url or SOCLE_URL) and that the base runs (socle serve).",
        ),
    )
