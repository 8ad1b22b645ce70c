"""What the SDK asks of a door of the DMP. XDS.b and FHIR give the same answers to the same calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

import msgspec

from socle.standards.ids.ins import Ins
from socle.standards.xds.model import Code, DocumentEntry, Status, Submission, Visibility


class Criteria(msgspec.Struct, frozen=True, kw_only=True):
    """What to search for. Empty fields do not filter; times are DTM ``YYYY[MM[DD[hh[mm[ss]]]]]`` in UTC."""

    statuses: tuple[Status, ...] = (Status.APPROVED,)
    class_codes: tuple[Code, ...] = ()
    type_codes: tuple[Code, ...] = ()
    format_codes: tuple[Code, ...] = ()
    event_codes: tuple[Code, ...] = ()
    practice_setting_codes: tuple[Code, ...] = ()
    facility_codes: tuple[Code, ...] = ()
    reference_ids: tuple[str, ...] = ()
    #: ``like`` pattern on the XCN of an author.
    author: str = ""
    service_start_from: str = ""
    service_start_to: str = ""
    creation_from: str = ""
    creation_to: str = ""


class Door(ABC):
    """One connection to a DMP, for one user. Refusals are raised as ``Refused``, silence as ``Unavailable``."""

    @abstractmethod
    async def submit(self, submission: Submission) -> tuple[str, ...]:
        """Feeds documents. Returns the warnings."""

    @abstractmethod
    async def search(self, patient: Ins, criteria: Criteria) -> list[DocumentEntry]:
        """All documents of ``patient`` that match and that the user may see."""

    @abstractmethod
    async def locate(self, unique_id: str, patient: Ins | None = None) -> DocumentEntry | None:
        """Current metadata of the document ``unique_id``, ``None`` when there is none for this user."""

    @abstractmethod
    async def entry_uuid_of(self, unique_id: str, patient: Ins | None = None) -> str:
        """The entryUUID of ``unique_id``, or ``""`` (TD3.1b: allowed to who only feeds)."""

    @abstractmethod
    async def retrieve(self, entry: DocumentEntry) -> bytes:
        """The bytes of a document, identical to those submitted."""

    @abstractmethod
    async def set_visibility(self, entry: DocumentEntry, visibility: frozenset[Visibility]) -> None:
        """Sets who does not see the document."""

    @abstractmethod
    async def set_status(self, entry: DocumentEntry, status: Status) -> None:
        """Archives, restores or deletes the document."""

    @abstractmethod
    async def aclose(self) -> None:
        """Closes the connection."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
