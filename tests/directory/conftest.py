from __future__ import annotations

import pytest

from socle.platform.base import Base
from socle.services.directory.domain import Activity, Exercise, Mailbox, MailboxType, Professional, Structure
from socle.services.directory.service import DirectoryService

PRACTICE = Structure(
    id="R10199001",
    id_nat="410109876549001",
    siret="90123456700013",
    siren="901234567",
    name="CABINET DU DR MARCHAND",
    recipient="CABINET DU DR MARCHAND",
    street_number="12",
    street_type="R",
    street="DES EXEMPLES",
    city_line="75010 PARIS",
    postal_code="75010",
    commune="75110",
    city="Paris 10e Arrondissement",
    department="75",
    authority="CNOM/CNOM/CNOM",
    sector="SA07",
)
HOSPITAL = Structure(
    id="F750987653",
    id_nat="1750987653",
    finess="750987653",
    finess_ej="750990012",
    name="HOPITAL DES EXEMPLES",
    street_number="3",
    street_suffix="B",
    street_type="AV",
    street="DU TEST",
    city_line="PARIS",
    postal_code="75014",
    commune="75114",
    city="Paris 14e Arrondissement",
    department="75",
    authority="CNOM/CNOM/ARS",
    sector="SA01",
    category="101",
)
DOCTOR = Professional(
    id_nat="810109876549",
    rpps="10109876549",
    civility="MME",
    family="MARCHAND",
    given="CAMILLE",
    exercises=(
        Exercise(
            profession="10",
            category="C",
            civility="DR",
            family="MARCHAND",
            given="CAMILLE",
            skill_type="S",
            skill="SM54",
            activities=(
                Activity(id="1010000001", mode="L", sector="SA07", genre="GENR01", structure=PRACTICE),
                Activity(id="1010000002", mode="S", sector="SA01", genre="GENR01", structure=HOSPITAL),
            ),
        ),
    ),
)
NURSE = Professional(
    id_nat="810101234564",
    rpps="10101234564",
    civility="M",
    family="D'ŒUVRE-NOËL",
    given="Élie",
    exercises=(
        Exercise(
            profession="60",
            category="C",
            family="D'ŒUVRE-NOËL",
            given="Élie",
            activities=(Activity(id="1010000003", mode="S", sector="SA01", genre="GENR01", structure=HOSPITAL),),
        ),
    ),
)
BOXES = (
    Mailbox(
        address="camille.marchand@medecin.exemple.mssante.fr",
        type=MailboxType.PERSONAL,
        id_nat=DOCTOR.id_nat,
        rank=1,
    ),
    Mailbox(
        address="secret@medecin.exemple.mssante.fr", type=MailboxType.PERSONAL, id_nat=DOCTOR.id_nat, red_list=True
    ),
    Mailbox(
        address="urgences@hopital.exemple.mssante.fr",
        type=MailboxType.ORGANISATION,
        structure=HOSPITAL.id,
        service="Urgences",
    ),
)


@pytest.fixture
def database_url(emptied_url: str) -> str:
    return emptied_url


@pytest.fixture
async def directory(base: Base) -> DirectoryService:
    """A directory of two people, two structures, three mailboxes."""
    service = DirectoryService(base)
    await service.load((DOCTOR, NURSE), (PRACTICE, HOSPITAL), BOXES)
    return service


@pytest.fixture
def doctor() -> Professional:
    return DOCTOR


@pytest.fixture
def nurse() -> Professional:
    return NURSE


@pytest.fixture
def hospital() -> Structure:
    return HOSPITAL


@pytest.fixture
def practice() -> Structure:
    return PRACTICE
