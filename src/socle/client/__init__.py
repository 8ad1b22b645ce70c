"""The SDK that vendors import. It talks to a base over the network and imports `socle.standards` alone.

>>> from socle.client import Criteria
>>> Criteria(author="899700218896%").author
'899700218896%'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from socle.client.arrivals import Arrivals, ReceivedDocument
    from socle.client.connection import Configuration, DoorName, connect, connect_sandbox, open_dmp, open_sandbox
    from socle.client.delivery import Deliveries, DeliveryStatus
    from socle.client.dmp import AsyncDmp, Dmp, Sent
    from socle.client.door import Criteria, Door
    from socle.client.errors import Refused
    from socle.client.identity import Identity, Signer
    from socle.client.sandbox import Sandbox
    from socle.client.xds import XdsDoor

__all__ = [
    "Arrivals",
    "AsyncDmp",
    "Configuration",
    "Criteria",
    "Deliveries",
    "DeliveryStatus",
    "Dmp",
    "Door",
    "DoorName",
    "Identity",
    "ReceivedDocument",
    "Refused",
    "Sandbox",
    "Sent",
    "Signer",
    "XdsDoor",
    "connect",
    "connect_sandbox",
    "open_dmp",
    "open_sandbox",
]

_HOMES = {
    "arrivals": ("Arrivals", "ReceivedDocument"),
    "connection": ("Configuration", "DoorName", "connect", "connect_sandbox", "open_dmp", "open_sandbox"),
    "delivery": ("Deliveries", "DeliveryStatus"),
    "dmp": ("AsyncDmp", "Dmp", "Sent"),
    "door": ("Criteria", "Door"),
    "errors": ("Refused",),
    "identity": ("Identity", "Signer"),
    "sandbox": ("Sandbox",),
    "xds": ("XdsDoor",),
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is asked for, so that the command line starts at once."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"socle.client.{home}"), name)
    raise AttributeError(name)
