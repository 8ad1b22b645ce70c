"""The rules against an independent model of the same law, written slowly and obviously from the fact sheets."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socle.cli import matrix as matrix_cli
from socle.platform.actor import Actor, ActorKind, AuthenticationMode, Purpose
from socle.platform.patient_key import patient_key
from socle.services.dmp import errors, matrice, rules
from socle.services.dmp.domain import (
    Authorization,
    CallerRights,
    Function,
    Holding,
    Mandate,
    MandateKind,
    MandateScope,
    Record,
    RecordSettings,
    RecordState,
)
from socle.services.dmp.lineage import one_month_after
from socle.services.dmp.matrice import default_matrix, read_matrix
from socle.services.dmp.rules import Allowed, DocumentFacts, Policy, Refused, decide, sees, sight_of
from socle.standards.errors import MalformedInput
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import Status, Visibility

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
INS = Ins("284076938304258", "1.2.250.1.213.1.4.10")
OTHER = Ins("284076938314255", "1.2.250.1.213.1.4.10")
POLICY = Policy(default_matrix(), frozenset({"1SAMU"}))
CR, PSY, UNKNOWN = "11488-4^^2.16.840.1.113883.6.1", "68599-0^^2.16.840.1.113883.6.1", "X^^Y"
F = Function


def authorization(kind: str) -> Authorization | None:
    if kind == "none":
        return None
    return Authorization(
        holder_id="810000000001",
        holding=Holding.PROFESSIONAL,
        name="",
        granted_at=NOW - timedelta(days=400),
        expires_at=NOW + timedelta(days=-1 if kind in {"expired", "traitant"} else 1),
        is_medecin_traitant=kind in {"traitant", "traitant-revoked"},
        revoked_at=NOW if "revoked" in kind else None,
    )


MANDATES = {
    "none": None,
    "parent": (MandateKind.PARENT, MandateScope.MANAGE, None),
    "tuteur": (MandateKind.TUTEUR, MandateScope.MANAGE, None),
    "curateur": (MandateKind.CURATEUR, MandateScope.MANAGE, None),
    "delegate-read": (MandateKind.DELEGATE, MandateScope.READ, None),
    "delegate-manage": (MandateKind.DELEGATE, MandateScope.MANAGE, None),
    "ended": (MandateKind.DELEGATE, MandateScope.MANAGE, NOW - timedelta(days=1)),
}
AUTHORIZATIONS = ("none", "valid", "expired", "revoked", "traitant", "traitant-revoked")
MODES = tuple(AuthenticationMode)
PROFESSIONS = ("10", "40", "60", "36", "AUTOMATE", "")


class Scene(msgspec.Struct, frozen=True):
    """One actor before one record."""

    kind: ActorKind
    mode: AuthenticationMode
    purpose: Purpose
    profession: str
    card: str
    structure: str
    bound_to: str
    is_secret: bool
    state: RecordState | None
    is_minor: bool
    settings: RecordSettings
    is_blocked: bool
    is_feed_opposed: bool
    authorization: str
    care_team: str
    mandate: str

    @property
    def actor(self) -> Actor:
        return Actor(
            kind=self.kind,
            id=self.card,
            name="",
            authentication=self.mode,
            profession=self.profession,
            profession_system="1.2.250.1.213.1.1.4.6" if self.profession == "AUTOMATE" else "1.2.250.1.71.1.2.7",
            structure=self.structure,
            purpose=self.purpose,
            patient={"none": None, "same": INS, "other": OTHER}[self.bound_to],
            is_secret=self.is_secret,
        )

    @property
    def record(self) -> Record | None:
        if self.state is None:
            return None
        return Record(
            patient_key=patient_key(INS),
            ins=INS,
            state=self.state,
            birth_date=date(2010, 1, 1) if self.is_minor else date(1980, 1, 1),
            settings=self.settings,
        )

    @property
    def rights(self) -> CallerRights:
        mandate = MANDATES[self.mandate]
        return CallerRights(
            is_blocked=self.is_blocked,
            is_feed_opposed=self.is_feed_opposed,
            authorization=authorization(self.authorization),
            care_team=authorization(self.care_team),
            mandate=mandate
            and Mandate(
                agent_id=self.card,
                kind=mandate[0],
                scope=mandate[1],
                name="",
                starts_at=NOW - timedelta(days=30),
                ends_at=mandate[2],
            ),
        )


ANYTHING = {
    "kind": st.sampled_from([*ActorKind, ActorKind.PROFESSIONAL, ActorKind.PROFESSIONAL, ActorKind.PATIENT]),
    "mode": st.sampled_from(MODES),
    "purpose": st.sampled_from(Purpose),
    "profession": st.sampled_from(PROFESSIONS),
    "card": st.sampled_from(("810000000001", "3750100125/1453")),
    "structure": st.sampled_from(("1750000001", "1SAMU", "")),
    "bound_to": st.sampled_from(("none", "same", "same", "other")),
    "is_secret": st.booleans(),
    "state": st.sampled_from([None, *RecordState, RecordState.ACTIVE, RecordState.ACTIVE, RecordState.ACTIVE]),
    "is_minor": st.booleans(),
    "settings": st.builds(
        RecordSettings,
        allows_bris_de_glace=st.booleans(),
        allows_centre_15=st.booleans(),
        allows_masked_in_emergency=st.booleans(),
        allows_care_teams=st.booleans(),
        masks_everything=st.booleans(),
    ),
    "is_blocked": st.booleans(),
    "is_feed_opposed": st.booleans(),
    "authorization": st.sampled_from(AUTHORIZATIONS),
    "care_team": st.sampled_from(("none", "valid", "expired", "revoked")),
    "mandate": st.sampled_from(sorted(MANDATES)),
}
#: Scenes where only the finer rules are left to decide.
CONSULTING = {
    "kind": st.just(ActorKind.PROFESSIONAL),
    "mode": st.just(AuthenticationMode.INDIRECTE_RENFORCEE),
    "profession": st.sampled_from(("10", "40")),
    "bound_to": st.just("none"),
    "is_secret": st.just(False),
    "state": st.just(RecordState.ACTIVE),
    "is_blocked": st.sampled_from((False, False, True)),
}
CITIZENS = {
    "kind": st.sampled_from((ActorKind.PATIENT, ActorKind.REPRESENTATIVE, ActorKind.DELEGATE)),
    "mode": st.just(AuthenticationMode.CITIZEN),
    "bound_to": st.just("same"),
}
scenes = st.one_of(
    st.builds(Scene, **ANYTHING),
    st.builds(Scene, **(ANYTHING | CONSULTING)),
    st.builds(Scene, **(ANYTHING | CITIZENS)),
)


# --- the model: the law in the order in which a lawyer would tell it ---


def model_may(function: Function, scene: Scene) -> bool:
    exists = scene.state is not None
    if exists and scene.bound_to == "other":
        return False
    if scene.kind in {ActorKind.OPERATOR, ActorKind.BASE}:
        return function in {F.TEST_EXISTENCE, F.OPEN, F.CLOSE, F.REOPEN, F.MANDATE, F.MAINTAIN}
    if scene.kind in {ActorKind.PROFESSIONAL, ActorKind.SYSTEM}:
        return model_professional_may(function, scene)
    return model_citizen_may(function, scene)


def model_professional_may(function: Function, scene: Scene) -> bool:
    # Some things are for the citizen's side or the base alone.
    if function in {F.SETTINGS, F.MANDATE, F.MAINTAIN}:
        return False
    # A record must be open, but to ask whether it exists, to open it, or to list one's own authorisations.
    if function not in {F.TEST_EXISTENCE, F.OPEN, F.LIST_AUTHORIZED_RECORDS}:
        if scene.state not in {RecordState.ACTIVE, RecordState.CLOSED}:
            return False
        if scene.state is RecordState.CLOSED and function not in {F.REOPEN, F.READ_IDENTITY}:
            return False
    # Authentication: without a card of one's own or Pro Santé Connect, no consultation nor what goes with it.
    is_strong = scene.mode is AuthenticationMode.INDIRECTE_RENFORCEE or (
        scene.mode is AuthenticationMode.DIRECTE and scene.card.startswith("8")
    )
    is_known_mode = scene.mode in {
        AuthenticationMode.DIRECTE,
        AuthenticationMode.INDIRECTE,
        AuthenticationMode.INDIRECTE_RENFORCEE,
    }
    if not is_known_mode:
        return False
    without_person = {F.OPEN, F.REOPEN, F.CLOSE, F.READ_IDENTITY, F.TEST_EXISTENCE, F.FEED, F.LOCATE, F.DELETE}
    if (not is_strong or scene.kind is ActorKind.SYSTEM) and function not in without_person:
        return False
    # A secret session is for a minor.
    if scene.is_secret and scene.state is not None and not scene.is_minor:
        return False
    if function is F.FEED:
        deposits = scene.profession in {"10", "40", "60", "AUTOMATE"} or (
            scene.kind is ActorKind.SYSTEM and scene.profession == ""
        )
        return deposits and not scene.is_feed_opposed
    if function in {F.LIST_AUTHORIZATIONS, F.BLOCK, F.READ_TRACES}:
        return scene.authorization == "traitant" and not scene.is_blocked
    if function is F.AUTHORIZE:
        return not scene.is_blocked
    if function in {F.SEARCH, F.CONSULT}:
        return model_consults(scene)
    return True


def model_consults(scene: Scene) -> bool:
    if scene.is_blocked or scene.profession not in {"10", "40", "60"}:
        return False
    if scene.purpose is Purpose.BRIS_DE_GLACE:
        return scene.settings.allows_bris_de_glace
    if scene.purpose is Purpose.CENTRE_15:
        return scene.structure == "1SAMU" and scene.settings.allows_centre_15
    if scene.authorization in {"valid", "traitant"}:
        return True
    return scene.settings.allows_care_teams and scene.care_team == "valid"


def model_citizen_may(function: Function, scene: Scene) -> bool:
    if scene.mode is not AuthenticationMode.CITIZEN or function in {F.LIST_AUTHORIZED_RECORDS, F.MAINTAIN}:
        return False
    if scene.state is None:
        is_holder = scene.kind is ActorKind.PATIENT and scene.bound_to != "none"
        return is_holder and function in {F.TEST_EXISTENCE, F.OPEN}
    is_open, is_closed = scene.state is RecordState.ACTIVE, scene.state is RecordState.CLOSED
    if not is_open and not is_closed and function not in {F.TEST_EXISTENCE, F.OPEN, F.CLOSE}:
        return False
    reading = {F.SEARCH, F.CONSULT, F.LOCATE, F.TEST_EXISTENCE, F.READ_TRACES}
    if is_closed and function not in reading | {F.READ_IDENTITY, F.REOPEN, F.CLOSE}:
        return False
    if scene.kind is ActorKind.PATIENT:
        weighty = {F.OPEN, F.REOPEN, F.CLOSE, F.SETTINGS, F.MANDATE}
        return scene.bound_to == "same" and not (scene.is_minor and function in weighty)
    if scene.kind is ActorKind.REPRESENTATIVE:
        represents = scene.mandate == "tuteur" or (scene.mandate == "parent" and scene.is_minor)
        return represents and function is not F.RELEASE
    if scene.mandate == "delegate-read":
        return function in reading | {F.LIST_AUTHORIZATIONS}
    manages = {F.FEED, F.MASK, F.DELETE, F.ARCHIVE, F.BLOCK, F.AUTHORIZE}
    return scene.mandate == "delegate-manage" and function in reading | {F.LIST_AUTHORIZATIONS} | manages


class Paper(msgspec.Struct, frozen=True):
    """One document, as the model sees it."""

    status: Status
    type_key: str
    hidden: frozenset[Visibility]
    is_own: bool
    announced: str

    @property
    def facts(self) -> DocumentFacts:
        return DocumentFacts(
            status=self.status,
            type_key=self.type_key,
            visibility=rules.visibility_bits(self.hidden),
            owner_ids=frozenset({"810000000001", "3750100125/1453"} if self.is_own else {"someone"}),
            announced_at={
                "never": None,
                "past": NOW - timedelta(days=1),
                "future": NOW + timedelta(days=1),
            }[self.announced],
        )


PAPERS = [
    Paper(status, type_key, frozenset(hidden), is_own, announced)
    for status in (Status.APPROVED, Status.DELETED)
    for type_key in (CR, PSY, UNKNOWN)
    for size in range(4)
    for hidden in itertools.combinations(Visibility, size)
    for is_own in (False, True)
    for announced in ("never", "past", "future")
]


def model_sees(function: Function, scene: Scene, paper: Paper) -> bool:
    """The visibility matrix of §6.5, row by row."""
    if paper.status is Status.DELETED:
        return False
    if paper.is_own:
        return True
    waits = Visibility.INVISIBLE_PATIENT in paper.hidden and paper.announced != "past"
    if scene.kind is ActorKind.PATIENT:
        return not waits
    if scene.kind in {ActorKind.REPRESENTATIVE, ActorKind.DELEGATE}:
        return not waits and Visibility.INVISIBLE_REPRESENTANTS_LEGAUX not in paper.hidden
    # A professional: deleting, or without the right to consult, only one's own documents.
    is_strong = scene.mode is not AuthenticationMode.INDIRECTE and scene.kind is ActorKind.PROFESSIONAL
    consults = is_strong and model_consults(scene)
    if function in {F.LIST_AUTHORIZATIONS, F.BLOCK, F.READ_TRACES}:
        consults = True
    if function is F.DELETE or (function in {F.LOCATE, F.MASK, F.RELEASE, F.ARCHIVE} and not consults):
        return False
    readable = {"10": {CR, PSY}, "40": {CR}, "60": {CR}}.get(scene.profession, set())
    if paper.type_key not in readable:
        return False
    if scene.authorization == "traitant":
        return True
    if scene.settings.masks_everything:
        return False
    if Visibility.MASQUE_PS in paper.hidden:
        return scene.purpose is not Purpose.NORMAL and scene.settings.allows_masked_in_emergency
    return True


READING = (F.SEARCH, F.CONSULT, F.LOCATE, F.MASK, F.RELEASE, F.ARCHIVE, F.DELETE, F.READ_TRACES)


@settings(max_examples=300, deadline=None)
@given(scenes)
def test_every_decision_is_that_of_the_model(scene):
    actor, record, rights = scene.actor, scene.record, scene.rights
    for function in Function:
        decision = decide(function, actor, record, rights, NOW, POLICY)
        assert isinstance(decision, Allowed) == model_may(function, scene), (function, decision)
        if isinstance(decision, Refused):
            assert decision.rule in errors.REFUSALS
        elif function in READING and record is not None:
            sight = sight_of(function, decision, actor, record, rights, NOW, POLICY)
            for paper in PAPERS:
                assert sees(sight, paper.facts) == model_sees(function, scene, paper), (function, paper)


def test_every_refusal_of_the_rules_has_its_sentence():
    folder = Path(rules.__file__).parent
    source = "".join(path.read_text() for path in folder.glob("*.py"))
    named = set(re.findall(r'(?:Refused|refusal)\(\s*"([a-z0-9-]+)"', source))
    assert named == errors.REFUSALS.keys()


@pytest.mark.parametrize("code", Visibility)
@pytest.mark.parametrize("is_own", [True, False])
def test_who_may_hide_and_who_may_show(code, is_own):
    doctor = Actor(kind=ActorKind.PROFESSIONAL, id="8", name="", authentication=AuthenticationMode.INDIRECTE_RENFORCEE)
    holder = Actor(kind=ActorKind.PATIENT, id="p", name="", authentication=AuthenticationMode.CITIZEN)
    nothing, hidden = frozenset(), frozenset({code})
    is_mask = code is Visibility.MASQUE_PS

    def verdict(actor, before, after):
        functions, refused = rules.decide_visibility_change(actor, before, after, is_own=is_own)
        assert functions == {F.MASK if is_mask else F.RELEASE}
        return refused is None

    assert verdict(doctor, hidden, nothing)
    assert verdict(doctor, nothing, hidden) == (is_mask or is_own)
    assert verdict(holder, nothing, hidden) == is_mask
    assert verdict(holder, hidden, nothing) == (code is not Visibility.INVISIBLE_PATIENT)


def test_majority_is_the_day_of_eighteen_years_even_when_born_on_a_29_february():
    record = Record(patient_key=patient_key(INS), ins=INS, state=RecordState.ACTIVE, birth_date=date(2008, 2, 29))
    assert record.is_minor(date(2026, 2, 28))
    assert not record.is_minor(date(2026, 3, 1))


def test_a_month_after_the_31st_is_the_last_day():
    assert one_month_after(datetime(2026, 12, 31, tzinfo=UTC)) == datetime(2027, 1, 31, tzinfo=UTC)
    assert one_month_after(datetime(2028, 1, 30, tzinfo=UTC)) == datetime(2028, 2, 29, tzinfo=UTC)


# --- the matrix ---


def test_the_matrix_holds_what_is_public():
    matrix = default_matrix()
    types = {key for types in matrix.readable.values() for key in types}
    residence = "ATTEST-RESID^^1.2.250.1.213.1.1.4.12"
    assert not matrix.may_read("G15/10", residence)
    doctors = matrix.readable["G15/10"]
    assert types - doctors == set()
    for code in ("80788-3", "75496-0", "83981-1", "83901-9", "68599-0"):
        assert not matrix.may_read("G15/40", f"{code}^^2.16.840.1.113883.6.1")
    assert not matrix.may_read("G15/40", "EXPPAT_3^^1.2.250.1.213.1.1.4.12")
    assert not matrix.may_read("G15/80", "15508-5^^2.16.840.1.113883.6.1")
    assert all(not matrix.readable[column] for column in matrix.labels if column[0] in "AR")
    assert matrix.version
    assert matrix.source


def test_every_type_of_the_value_set_is_in_the_matrix(shared):
    root = ET.parse(shared / "data" / "valuesets" / "JDV_J07_XdsTypeCode_CISIS.xml").getroot()
    text = resources.files("socle.services.dmp").joinpath("matrice_habilitation.csv").read_text()
    known = {line.split(";")[0] for line in text.splitlines()}
    assert {one.get("code") for one in root.iter("{urn:ihe:iti:svs:2008}Concept")} <= known


def test_an_unknown_profession_or_type_is_refused():
    matrix = default_matrix()
    assert not matrix.may_read("G15/99", CR)
    assert not matrix.may_read("?/10", CR)
    assert not matrix.may_read("G15/10", UNKNOWN)
    assert not matrix.may_deposit("G15/10", UNKNOWN)


@given(st.text(max_size=300))
@settings(max_examples=100)
def test_any_text_is_a_matrix_or_is_refused(text):
    try:
        read_matrix(text)
    except MalformedInput as error:
        assert error.code == "InvalidMatrix"


def test_a_wrong_cell_is_named_by_its_line():
    text = "# Version: 1\ntype;système;libellé;catégorie;G15/10 Médecin;source\nA;B;a;c;maybe;\n"
    with pytest.raises(MalformedInput) as caught:
        read_matrix(text)
    assert caught.value.location == "line 3"


def test_a_replacement_is_compared_and_what_it_lacks_is_named(tmp_path, capsys):
    text = resources.files("socle.services.dmp").joinpath("matrice_habilitation.csv").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("DISP_AUT;")]
    changed = "\n".join(
        line.replace(";Le;le;N;le;", ";Le;le;L;le;") if line.startswith("75496-0;") else line for line in lines
    )
    own, other = default_matrix(), read_matrix(changed)
    changes = [(one.column, one.type_key, one.before, one.after) for one in matrice.compare(own, other)]
    assert ("G15/40", "75496-0^^2.16.840.1.113883.6.1", "", "L") in changes
    lost = "DISP_AUT^^1.2.250.1.213.1.1.4.12"
    assert ("G15/10", lost, "LE", "") in changes
    assert {kind for _, kind, _, _ in changes} == {lost, "75496-0^^2.16.840.1.113883.6.1"}
    assert matrice.missing_in(other, own) == [f"Dispensation (autre) ({lost})"]
    assert matrice.compare(own, own) == matrice.missing_in(own, own) == []
    file = tmp_path / "matrice.csv"
    file.write_text("\ufeff" + changed)
    with pytest.raises(SystemExit) as stopped:
        matrix_cli.check(file)
    assert stopped.value.code == 1
    assert "Dispensation (autre)" in capsys.readouterr().out
    matrix_cli.diff(file)
    assert "Chirurgien-dentiste (G15/40)" in capsys.readouterr().out
    matrix_cli.show("G15/40", file=file)
    assert "L  Demande d'acte de télémédecine" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"a;b\n"])
def test_a_file_that_is_no_matrix_is_refused(tmp_path, content):
    file = tmp_path / "matrice.csv"
    file.write_bytes(content)
    with pytest.raises(MalformedInput):
        matrice.load_matrix(str(file))
    with pytest.raises(MalformedInput):
        matrice.load_matrix(str(tmp_path / "none.csv"))
