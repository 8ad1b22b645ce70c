"""Which citizens have a space: whoever has an open record, known by an identity of the base."""

from __future__ import annotations

from socle.services.dmp.domain import RecordState
from socle.services.dmp.service import DmpService
from socle.services.ins.service import InsService
from socle.services.mssante.boxes import BASE_ACTOR
from socle.standards.errors import SocleError
from socle.standards.ids.ins import AUTHORITIES, KEYED_AUTHORITIES, Ins


class RecordSpaces:
    """A citizen's space is their open record."""

    def __init__(self, dmp: DmpService, ins: InsService) -> None:
        self._dmp = dmp
        self._ins = ins

    async def find_space(self, matricule: str) -> tuple[Ins, str] | None:
        """Whose open record bears the matricule, with the person's name."""
        base = self._ins.base
        for oid in sorted(AUTHORITIES if base.settings.is_sandbox else KEYED_AUTHORITIES):
            try:
                ins = Ins(matricule, oid)
                status = await self._dmp.record_status(BASE_ACTOR, ins)
            except SocleError:
                continue
            if status.state is not RecordState.ACTIVE or not status.is_attached_to_mes:
                continue
            async with base.database.connection() as connection:
                identity = await self._ins.find(connection, ins)
            traits = identity.traits if identity else None
            return ins, f"{traits.first_given_name} {traits.birth_name}" if traits else matricule
        return None
