"""What a token obtained by exchange opens: the doors that its scopes name, and no other.

Source: identity fact sheet §5.9 (the target service checks scopes); RFC 6750 §3.1 (``insufficient_scope``).
"""

from __future__ import annotations

from typing import Final

#: The doors that take such a token, by the start of their path, and the first half of the scopes that open them.
DOORS: Final = {
    "/dmp/fhir": "dmp",
    "/audit/fhir": "traces",
    "/ins/api": "ins",
    "/deliveries": "deliveries",
    "/mailboxes": "mailboxes",
}
#: Every scope that a client may be registered for.
SCOPES: Final = frozenset(f"{door}.{right}" for door in DOORS.values() for right in ("read", "write"))
_SEARCHES: Final = frozenset({"_search", "search", "search-required", "search-card"})


def scope_for(method: str, path: str) -> str | None:
    """The scope that ``method`` on ``path`` takes; ``None`` where no scope opens anything.

    >>> scope_for("GET", "/dmp/fhir/Binary/1"), scope_for("POST", "/dmp/fhir"), scope_for("GET", "/dmp/fhirs")
    ('dmp.read', 'dmp.write', None)
    """
    door = next((door for start, door in DOORS.items() if path == start or path.startswith(f"{start}/")), None)
    if door is None:
        return None
    is_search = method == "POST" and path.rpartition("/")[2] in _SEARCHES
    return f"{door}.read" if is_search or method in {"GET", "HEAD"} else f"{door}.write"
