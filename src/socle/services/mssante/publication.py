"""The directory and the operator: its boxes are shown there, and addresses are found there."""

from __future__ import annotations

from socle.services.directory import domain as directory_domain
from socle.services.directory.service import DirectoryService
from socle.services.mssante.domain import Contact, Mailbox


class DirectoryPublisher:
    """Declares boxes to the directory of this base; a base that feeds the national one has another publisher."""

    def __init__(self, directory: DirectoryService) -> None:
        self._directory = directory

    async def publish(self, box: Mailbox) -> None:
        """Shows the box as it is."""
        structure = await self._directory.structure(box.structure_id) if box.structure_id else None
        declared = directory_domain.Mailbox(
            address=box.address,
            type=directory_domain.MailboxType(box.kind.value),
            id_nat=box.person_id,
            structure=structure.id if structure else "",
            service=box.service,
            responsible=box.responsible,
            description=box.description,
            red_list=box.is_red_listed,
            rank=box.rank,
            is_paperless=box.accepts_paperless,
        )
        await self._directory.declare_mailboxes([declared])

    async def withdraw(self, address: str) -> None:
        """Shows the box no more."""
        await self._directory.close_mailbox(address)

    async def exists(self, person_id: str, structure_id: str) -> bool:
        """Whether the person and the structure, if named, are in the directory."""
        if person_id and await self._directory.professional(person_id) is None:
            return False
        return not structure_id or await self._directory.structure(structure_id) is not None


class DirectoryAddressBook:
    """Addresses of professionals as the directory publishes them: the red list is not there."""

    def __init__(self, directory: DirectoryService) -> None:
        self._directory = directory

    async def find_contacts(self, words: str, count: int) -> list[Contact]:
        """Published boxes of people whose name matches ``words``, the closest first, each address once."""
        found: dict[str, Contact] = {}
        for person in await self._directory.search(words, count=count):
            place = " ".join(part for part in (person.postal_code, person.city) if part)
            detail = ", ".join(part for part in (person.structure_name, place) if part)
            for address in person.mailboxes:
                contact = Contact(address=address, name=person.name, detail=detail, person_id=person.id_nat)
                found.setdefault(address, contact)
        return list(found.values())[:count]
