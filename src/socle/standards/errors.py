"""The one tree of refusals.

A refusal travels from where it is decided to a door, and each door writes it in the form of its protocol
(SOAP fault or ``RegistryError``, ``OperationOutcome``, SMTP enhanced status, HL7 ``ERR``, RFC 9457 problem, page).
It never carries personal data: it may be logged.

::

    SocleError
    ├── MalformedInput       the bytes are not what the standard says (HTTP 400)
    ├── InvalidContent       well-formed, but breaks a rule (HTTP 422)
    ├── NotAuthenticated     who asks is not established (HTTP 401)
    ├── Forbidden            who asks is known and may not (HTTP 403)
    ├── NotFound             no such thing, or none that this actor may know of (HTTP 404)
    ├── Conflict             the thing is in another state, or exists already (HTTP 409)
    ├── TooLarge             over a documented limit (HTTP 413)
    └── Unavailable          a part that is needed does not answer; try again (HTTP 503)
"""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Text(msgspec.Struct, frozen=True):
    """One sentence in the two languages of the base.

    >>> Text("Inconnu.", "Unknown.").in_language("en")
    'Unknown.'
    """

    fr: str
    en: str

    def in_language(self, language: str) -> str:
        """The sentence in ``language`` (``"fr"`` or ``"en"``, any other gives French)."""
        return self.en if language == "en" else self.fr


class SocleError(Exception):
    """A refusal that a person can act on.

    ``code`` is the stable name that programs match on (an XDS code, a DMP code …); ``reason`` says what is wrong;
    ``location`` says where (XPath, FHIRPath, HL7 segment, form field); ``remedy`` says what to do;
    ``requirement`` names the rule that decided (specification and section).
    """

    http_status: ClassVar[int] = 500

    def __init__(
        self,
        code: str,
        reason: Text,
        *,
        location: str = "",
        remedy: Text | None = None,
        requirement: str = "",
    ) -> None:
        super().__init__(code, reason.fr)
        self.code = code
        self.reason = reason
        self.location = location
        self.remedy = remedy
        self.requirement = requirement

    def __reduce__(self) -> tuple[object, ...]:
        """A refusal travels whole between processes."""
        return _rebuilt, (type(self), self.args, self.__dict__)

    def sentence(self, language: str = "fr") -> str:
        """Reason, then remedy, as one paragraph in ``language``."""
        parts = [self.reason.in_language(language)]
        if self.remedy is not None:
            parts.append(self.remedy.in_language(language))
        return " ".join(parts)


def _rebuilt(kind: type[SocleError], args: tuple[object, ...], state: dict[str, object]) -> SocleError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class MalformedInput(SocleError):
    """The bytes are not what the standard says."""

    http_status = 400


class InvalidContent(SocleError):
    """Well-formed, but breaks a rule."""

    http_status = 422


class NotAuthenticated(SocleError):
    """Who asks is not established."""

    http_status = 401


class Forbidden(SocleError):
    """Who asks is known and may not."""

    http_status = 403


class NotFound(SocleError):
    """No such thing, or none that this actor may know of."""

    http_status = 404


class Conflict(SocleError):
    """The thing is in another state, or exists already."""

    http_status = 409


class TooLarge(SocleError):
    """Over a documented limit."""

    http_status = 413


class Unavailable(SocleError):
    """A part that is needed does not answer; try again."""

    http_status = 503
