"""A DMP as a vendor's program sees it: documents by uniqueId, whatever the door.

::

    async with await connect_sandbox("http://127.0.0.1:8000") as dmp:
        sent = await dmp.send(Path("compte-rendu.xml").read_bytes())
        same = await dmp.get(sent.unique_id)

``Dmp`` is the same without ``async``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec

from socle.client.door import Criteria, Door
from socle.client.identity import Identity
from socle.client.xds import new_oid, system_time
from socle.standards.cda.metadata import document_entry_of, submission_for
from socle.standards.errors import NotFound, SocleError, Text
from socle.standards.ids.ins import Ins
from socle.standards.xades.names import SIGNATURE_CLASS
from socle.standards.xds.model import DocumentEntry, Status, Visibility

T = TypeVar("T")

#: Refusals after which nothing was kept and the same request may be made again, and how long to wait before.
_BUSY: Final = frozenset({"XDSRepositoryBusy", "XDSRegistryBusy", "XDSRegistryNotAvailable"})
_DELAYS_S: Final = (0.2, 0.6, 1.8)
#: Every document in force.
EVERYTHING: Final = Criteria()


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A document that is in the DMP. ``patient`` is the INS as ``matricule^^^&oid&ISO^NH``."""

    unique_id: str
    entry_uuid: str
    submission_set_id: str
    patient: str
    warnings: tuple[str, ...] = ()


class AsyncDmp:
    """Documents of the DMP through one door, for one user. Refusals are ``Refused``, silence is ``Unavailable``."""

    def __init__(
        self, door: Door, identity: Identity, *, source_id: str, clock: Callable[[], datetime] = system_time
    ) -> None:
        self.door = door
        self.identity = identity
        self._source_id = source_id
        self._clock = clock

    async def send(
        self,
        document: bytes,
        *,
        visibility: Iterable[Visibility] = (),
        comments: str = "",
        title: str = "",
        replaces: str = "",
    ) -> Sent:
        """Feeds one CDA document: metadata from its header, submission by the user, signature where the door has one.

        ``replaces`` is the uniqueId of the document in the DMP that this one replaces.
        """
        entry = document_entry_of(document, visibility=visibility, comments=comments)
        replaced = {}
        if replaces:
            entry_uuid = await self.door.entry_uuid_of(replaces, entry.patient_id)
            if not entry_uuid:
                raise _not_found(replaces)
            replaced = {entry.entry_uuid: entry_uuid}
        submission = submission_for(
            [(entry, document)],
            author=self.identity.author,
            source_id=self._source_id,
            unique_id=new_oid(),
            submission_time=f"{self._clock():%Y%m%d%H%M%S}",
            title=title,
            replaces=replaced,
        )
        warnings = await _patiently(lambda: self.door.submit(submission))
        return Sent(
            unique_id=entry.unique_id,
            entry_uuid=await self.door.entry_uuid_of(entry.unique_id, entry.patient_id),
            submission_set_id=submission.submission_set.unique_id,
            patient=entry.patient_id.to_cx(),
            warnings=warnings,
        )

    async def replace(self, unique_id: str, document: bytes, **options: Any) -> Sent:
        """Feeds ``document`` in the place of ``unique_id``, which becomes obsolete. Options are those of ``send``."""
        return await self.send(document, replaces=unique_id, **options)

    async def find(self, patient: Ins, criteria: Criteria = EVERYTHING) -> list[DocumentEntry]:
        """The documents of ``patient`` that match ``criteria`` and that the user may see.

        Signatures of submissions are left out unless their class is asked for.
        """
        found = await self.door.search(patient, criteria)
        if SIGNATURE_CLASS.key in {code.key for code in criteria.class_codes}:
            return found
        return [entry for entry in found if entry.class_code.key != SIGNATURE_CLASS.key]

    async def get(self, unique_id: str, patient: Ins | None = None) -> bytes:
        """The bytes of a document. Raises ``NotFound``."""
        return await self.door.retrieve(await self._current(unique_id, patient))

    async def mask(self, unique_id: str, patient: Ins | None = None) -> None:
        """Hides a document from professionals (MASQUE_PS)."""
        await self._change_visibility(unique_id, patient, add=Visibility.MASQUE_PS)

    async def unmask(self, unique_id: str, patient: Ins | None = None) -> None:
        """Shows a document to professionals again."""
        await self._change_visibility(unique_id, patient, remove=Visibility.MASQUE_PS)

    async def release(self, unique_id: str, patient: Ins | None = None) -> None:
        """Shows a document to the patient (ends INVISIBLE_PATIENT)."""
        await self._change_visibility(unique_id, patient, remove=Visibility.INVISIBLE_PATIENT)

    async def archive(self, unique_id: str, patient: Ins | None = None) -> None:
        """Archives a document."""
        await self.door.set_status(await self._current(unique_id, patient), Status.ARCHIVED)

    async def unarchive(self, unique_id: str, patient: Ins | None = None) -> None:
        """Takes a document back from the archive."""
        await self.door.set_status(await self._current(unique_id, patient), Status.APPROVED)

    async def delete(self, unique_id: str, patient: Ins | None = None) -> None:
        """Deletes a document, for ever: its author alone may."""
        await self.door.set_status(await self._current(unique_id, patient), Status.DELETED)

    async def _change_visibility(
        self, unique_id: str, patient: Ins | None, *, add: Visibility | None = None, remove: Visibility | None = None
    ) -> None:
        entry = await self._current(unique_id, patient)
        known = {value.value for value in Visibility}
        current = {Visibility(code.code) for code in entry.confidentiality_codes if code.code in known}
        wanted = frozenset((current | ({add} if add else set())) - {remove})
        if wanted != current:
            await self.door.set_visibility(entry, wanted)

    async def _current(self, unique_id: str, patient: Ins | None) -> DocumentEntry:
        entry = await self.door.locate(unique_id, patient)
        if entry is None:
            raise _not_found(unique_id)
        return entry

    async def aclose(self) -> None:
        """Closes the door."""
        await self.door.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    """The result of ``call``, made again when the other side says that it was too busy to take it."""
    for delay_s in _DELAYS_S:
        try:
            return await call()
        except SocleError as error:
            if error.code not in _BUSY:
                raise
            await asyncio.sleep(delay_s)
    return await call()


def _not_found(unique_id: str) -> NotFound:
    return NotFound(
        "XDSDocumentUniqueIdError",
        Text(
            f"Aucun document {unique_id} n'est visible pour cet utilisateur.",
            f"No document {unique_id} is visible to this user.",
        ),
        location=unique_id,
    )


class Dmp:
    """``AsyncDmp`` for programs that are not asynchronous. Use it from one thread."""

    def __init__(self, dmp: AsyncDmp, runner: asyncio.Runner | None = None) -> None:
        self._dmp = dmp
        self._runner = runner or asyncio.Runner()

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(call)

    def send(
        self,
        document: bytes,
        *,
        visibility: Iterable[Visibility] = (),
        comments: str = "",
        title: str = "",
        replaces: str = "",
    ) -> Sent:
        """See ``AsyncDmp.send``."""
        call = self._dmp.send(document, visibility=visibility, comments=comments, title=title, replaces=replaces)
        return self._run(call)

    def replace(self, unique_id: str, document: bytes, **options: Any) -> Sent:
        """See ``AsyncDmp.replace``."""
        return self._run(self._dmp.replace(unique_id, document, **options))

    def find(self, patient: Ins, criteria: Criteria = EVERYTHING) -> list[DocumentEntry]:
        """See ``AsyncDmp.find``."""
        return self._run(self._dmp.find(patient, criteria))

    def get(self, unique_id: str, patient: Ins | None = None) -> bytes:
        """See ``AsyncDmp.get``."""
        return self._run(self._dmp.get(unique_id, patient))

    def mask(self, unique_id: str, patient: Ins | None = None) -> None:
        """See ``AsyncDmp.mask``."""
        self._run(self._dmp.mask(unique_id, patient))

    def unmask(self, unique_id: str, patient: Ins | None = None) -> None:
        """See ``AsyncDmp.unmask``."""
        self._run(self._dmp.unmask(unique_id, patient))

    def release(self, unique_id: str, patient: Ins | None = None) -> None:
        """See ``AsyncDmp.release``."""
        self._run(self._dmp.release(unique_id, patient))

    def archive(self, unique_id: str, patient: Ins | None = None) -> None:
        """See ``AsyncDmp.archive``."""
        self._run(self._dmp.archive(unique_id, patient))

    def unarchive(self, unique_id: str, patient: Ins | None = None) -> None:
        """See ``AsyncDmp.unarchive``."""
        self._run(self._dmp.unarchive(unique_id, patient))

    def delete(self, unique_id: str, patient: Ins | None = None) -> None:
        """See ``AsyncDmp.delete``."""
        self._run(self._dmp.delete(unique_id, patient))

    def close(self) -> None:
        """Closes the door."""
        self._run(self._dmp.aclose())
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
