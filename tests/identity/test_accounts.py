"""Local accounts after their first day: a password or a telephone lost, changed, stolen; a holder who leaves."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pyotp
import pytest

from socle.platform.audit import Outcome
from socle.platform.patient_key import patient_key
from socle.services.identity.domain import Account, AccountKind
from socle.services.identity.errors import LoginRefused
from socle.services.identity.service import IdentityService
from socle.standards.errors import Conflict, InvalidContent, NotFound
from socle.standards.ids.ins import OID_NIR_TEST, Ins

INS = Ins("284076938304258", OID_NIR_TEST)
PASSWORD, NEW = "cheval batterie agrafe", "agrafe correcte du cheval"
LOGIN = "jeanne@exemple.test"


class Holder:
    """A citizen with an account, a telephone and a sheet of recovery codes."""

    def __init__(self, identity: IdentityService, clock: Any) -> None:
        self.accounts, self.clock = identity.accounts, clock
        self.totp = pyotp.TOTP(identity.accounts.second_factor.start())
        self.paper: tuple[str, ...] = ()

    async def open(self) -> Account:
        code = await self.accounts.invite(INS, "JEANNE D'ARCY")
        account = await self.accounts.activate(code, INS.matricule, LOGIN, PASSWORD)
        self.paper = await self.accounts.second_factor.confirm(account.id, self.totp.secret, self.shown())
        return account

    def shown(self) -> str:
        """What the telephone shows, in a time step of its own."""
        self.clock.move(timedelta(seconds=30))
        return self.totp.at(self.clock.now)

    async def recover(self, code: str, recovery: str) -> Account:
        return await self.accounts.recover(AccountKind.CITIZEN, LOGIN, code, recovery, NEW)

    async def log_in(self, password: str) -> Account:
        return await self.accounts.check_password(AccountKind.CITIZEN, LOGIN, password)


@pytest.fixture
async def holder(identity: IdentityService, clock: Any) -> Holder:
    found = Holder(identity, clock)
    await found.open()
    return found


async def test_a_forgotten_password_is_replaced_by_telephone_and_paper_together(holder: Holder) -> None:
    await holder.recover(holder.shown(), holder.paper[0])
    assert (await holder.log_in(NEW)).login == LOGIN
    with pytest.raises(LoginRefused):
        await holder.log_in(PASSWORD)


async def test_neither_telephone_nor_paper_alone_recovers_and_the_right_code_is_not_spent(holder: Holder) -> None:
    shown = holder.shown()
    for code, recovery in ((shown, "XXXXXXXXXX"), ("000000", holder.paper[0]), (holder.paper[0], holder.paper[1])):
        with pytest.raises(LoginRefused) as refused:
            await holder.recover(code, recovery)
        assert refused.value.code == "WrongRecovery"
    assert (await holder.recover(shown, holder.paper[0])).login == LOGIN
    with pytest.raises(LoginRefused):
        await holder.recover(holder.shown(), holder.paper[0])


async def test_recovering_the_account_of_nobody_says_the_same(identity: IdentityService) -> None:
    with pytest.raises(LoginRefused) as refused:
        await identity.accounts.recover(AccountKind.CITIZEN, "personne@exemple.test", "000000", "X", NEW)
    assert refused.value.code == "WrongRecovery"


async def test_wrong_recoveries_lock_the_account(holder: Holder) -> None:
    for _ in range(5):
        with pytest.raises(LoginRefused):
            await holder.recover("000000", "X")
    with pytest.raises(LoginRefused) as refused:
        await holder.recover(holder.shown(), holder.paper[0])
    assert refused.value.code == "WrongRecovery"


async def test_a_new_letter_gives_the_space_back_and_former_proofs_are_worth_nothing(
    holder: Holder, identity: IdentityService
) -> None:
    code = await identity.accounts.invite(INS, "JEANNE D'ARCY")
    account = await identity.accounts.activate(code, INS.matricule, "autre@exemple.test", NEW)
    assert not account.has_totp
    with pytest.raises(LoginRefused):
        await holder.log_in(PASSWORD)
    with pytest.raises(LoginRefused):
        await identity.accounts.second_factor.check(account.id, holder.paper[0])
    assert (await identity.accounts.check_password(AccountKind.CITIZEN, "autre@exemple.test", NEW)).id == account.id


async def test_a_letter_cannot_take_the_identifier_of_somebody_else(holder: Holder, identity: IdentityService) -> None:
    other = Ins("155027511036338", OID_NIR_TEST)
    code = await identity.accounts.invite(other, "PAUL")
    with pytest.raises(Conflict):
        await identity.accounts.activate(code, other.matricule, LOGIN, NEW)
    assert (await identity.accounts.activate(code, other.matricule, "paul@exemple.test", NEW)).ins == other


async def test_an_operator_who_lost_everything_starts_again_and_one_who_leaves_is_out(
    identity: IdentityService,
) -> None:
    accounts = identity.accounts
    await accounts.add_operator("ops", "Ops", PASSWORD)
    await accounts.reset_operator("OPS", NEW)
    assert not (await accounts.check_password(AccountKind.OPERATOR, "ops", NEW)).has_totp
    await accounts.close_operator("ops")
    with pytest.raises(LoginRefused):
        await accounts.check_password(AccountKind.OPERATOR, "ops", NEW)
    with pytest.raises(NotFound):
        await accounts.reset_operator("ops", NEW)
    assert (await accounts.add_operator("ops", "Autre", NEW)).name == "Autre"


async def _log_in(http: Any, read_hidden: Any, password: str, code: str) -> Any:
    page = await http.get("/connexion", params={"espace": "citoyen"})
    form = read_hidden(page.text) | {"login": LOGIN, "password": password}
    await http.post("/connexion/motdepasse", data=form)
    page = await http.get("/connexion/code")
    return await http.post("/connexion/code", data=read_hidden(page.text) | {"code": code})


async def test_the_account_s_page_changes_password_and_telephone(
    http: Any, holder: Holder, identity: IdentityService, read_hidden: Any
) -> None:
    await _log_in(http, read_hidden, PASSWORD, holder.shown())
    former = dict(http.cookies)
    page = await http.get("/connexion/compte/citoyen")
    csrf = read_hidden(page.text)
    weak = await http.post(
        "/connexion/compte/citoyen/motdepasse", data=csrf | {"current": PASSWORD, "password": "court"}
    )
    assert weak.status_code == 422
    wrong = await http.post("/connexion/compte/citoyen/motdepasse", data=csrf | {"current": NEW, "password": NEW})
    assert wrong.status_code == 401
    done = await http.post("/connexion/compte/citoyen/motdepasse", data=csrf | {"current": PASSWORD, "password": NEW})
    assert done.status_code == 303
    assert "Le mot de passe est changé" in (await http.get(done.headers["location"])).text
    assert (await http.get("/connexion/compte/citoyen", headers={"cookie": _header(former)})).status_code == 403
    csrf = read_hidden((await http.get("/connexion/compte/citoyen")).text)
    await http.post("/connexion/compte/citoyen/telephone", data=csrf | {"current": NEW})
    page = await http.get("/connexion/second-facteur")
    [secret] = re.findall(r"<code>([A-Z2-7]{32})</code>", page.text)
    code = pyotp.TOTP(secret).at(holder.clock.now)
    page = await http.post("/connexion/second-facteur", data=read_hidden(page.text) | {"code": code})
    assert "codes de secours" in page.text
    account = await holder.log_in(NEW)
    with pytest.raises(LoginRefused):
        await identity.accounts.second_factor.check(account.id, holder.shown())


def _header(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


async def test_the_recovery_page_changes_the_password(http: Any, holder: Holder, read_hidden: Any) -> None:
    page = await http.get("/connexion/recuperation/citoyen")
    form = read_hidden(page.text) | {"login": LOGIN, "code": "000000", "recovery": "X", "password": NEW}
    assert (await http.post("/connexion/recuperation/citoyen", data=form)).status_code == 401
    form |= {"code": holder.shown(), "recovery": holder.paper[0].lower()}
    assert (await http.post("/connexion/recuperation/citoyen", data=form)).headers["location"].endswith("citoyen")
    assert (await holder.log_in(NEW)).login == LOGIN


async def test_a_forged_form_changes_nothing(http: Any, holder: Holder, read_hidden: Any) -> None:
    await _log_in(http, read_hidden, PASSWORD, holder.shown())
    for act in ("motdepasse", "telephone", "cle"):
        answer = await http.post(
            f"/connexion/compte/citoyen/{act}", data={"csrf": "x", "current": PASSWORD, "password": NEW}
        )
        assert answer.status_code == 403
    assert (await holder.log_in(PASSWORD)).login == LOGIN


async def test_means_of_login_change_after_a_fresh_proof_alone(
    http: Any, holder: Holder, identity: IdentityService, read_hidden: Any
) -> None:
    await _log_in(http, read_hidden, PASSWORD, holder.shown())
    here = "/connexion/compte/citoyen"
    csrf = read_hidden((await http.get(here)).text)
    assert (await http.post("/connexion/cle/citoyen/options", json={})).status_code == 200
    holder.clock.move(timedelta(minutes=5, seconds=1))
    page = await http.get(here)
    assert page.status_code == 200
    assert "csrf" not in page.text
    [proof] = re.findall(r'class="button" href="([^"]+)"', page.text)
    form = csrf | {"current": PASSWORD, "password": NEW, "passkey": "AA"}
    for act in ("motdepasse", "telephone", "cle"):
        answer = await http.post(f"{here}/{act}", data=form)
        assert (answer.status_code, "plus de cinq minutes" in answer.text) == (403, True)
    for act in ("options", "ajout"):
        assert (await http.post(f"/connexion/cle/citoyen/{act}", json={})).status_code == 403
    form = read_hidden((await http.get(proof.replace("&amp;", "&"))).text) | {"login": LOGIN, "password": PASSWORD}
    await http.post("/connexion/motdepasse", data=form)
    form = read_hidden((await http.get("/connexion/code")).text) | {"code": holder.shown()}
    assert (await http.post("/connexion/code", data=form)).headers["location"] == here
    assert (await http.post("/connexion/cle/citoyen/options", json={})).status_code == 200


async def test_every_login_and_every_wrong_proof_leaves_a_trace_in_the_holder_s_own_record(
    http: Any, holder: Holder, identity: IdentityService, read_hidden: Any
) -> None:
    with pytest.raises(LoginRefused):
        await holder.log_in("faux mot de passe")
    await _log_in(http, read_hidden, PASSWORD, holder.shown())
    async with identity.base.database.connection() as connection:
        traces = await identity.base.audit.of_patient(connection, patient_key(INS))
    found = [(trace.event.transaction, trace.event.right, trace.event.outcome) for trace in traces]
    assert ("login", "login:password", Outcome.MINOR_FAILURE) in found
    assert ("login", "login:password", Outcome.SUCCESS) in found


async def test_a_password_with_the_identifier_in_it_is_refused_at_each_change(holder: Holder) -> None:
    account = await holder.log_in(PASSWORD)
    with pytest.raises(InvalidContent):
        await holder.accounts.change_password(account, PASSWORD, "jeanne jeanne jeanne 2026")


async def test_a_locked_account_answers_as_one_that_does_not_exist(holder: Holder, identity: IdentityService) -> None:
    for _ in range(5):
        with pytest.raises(LoginRefused):
            await holder.log_in("faux mot de passe")
    with pytest.raises(LoginRefused) as locked:
        await holder.log_in(PASSWORD)
    with pytest.raises(LoginRefused) as unknown:
        await identity.accounts.check_password(AccountKind.CITIZEN, "personne@exemple.test", PASSWORD)
    assert (locked.value.code, locked.value.remedy) == (unknown.value.code, unknown.value.remedy)


async def test_the_matricule_that_goes_with_a_letter_is_not_to_be_guessed(identity: IdentityService) -> None:
    code = await identity.accounts.invite(INS, "JEANNE D'ARCY")
    for guess in range(10):
        with pytest.raises(LoginRefused):
            await identity.accounts.activate(code, f"28407693830{guess:02d}", LOGIN, PASSWORD)
    with pytest.raises(LoginRefused):
        await identity.accounts.activate(code, INS.matricule, LOGIN, PASSWORD)


async def test_the_code_that_enrols_a_telephone_does_not_serve_again(holder: Holder, identity: IdentityService) -> None:
    account = await holder.log_in(PASSWORD)
    with pytest.raises(LoginRefused):
        await identity.accounts.second_factor.check(account.id, holder.totp.at(holder.clock.now))
    await identity.accounts.second_factor.check(account.id, holder.shown())


async def test_what_was_half_proven_before_the_account_changed_leads_nowhere(
    http: Any, holder: Holder, read_hidden: Any
) -> None:
    """A thief of password and session who was about to enrol a telephone loses to the holder who recovers."""
    await _log_in(http, read_hidden, PASSWORD, holder.shown())
    csrf = read_hidden((await http.get("/connexion/compte/citoyen")).text)
    await http.post("/connexion/compte/citoyen/telephone", data=csrf | {"current": PASSWORD})
    page = await http.get("/connexion/second-facteur")
    [secret] = re.findall(r"<code>([A-Z2-7]{32})</code>", page.text)
    await holder.recover(holder.shown(), holder.paper[0])
    form = read_hidden(page.text) | {"code": pyotp.TOTP(secret).at(holder.clock.now)}
    answer = await http.post("/connexion/second-facteur", data=form)
    assert answer.status_code == 401
    assert "codes de secours" not in answer.text


async def test_what_names_no_passkey_is_refused_and_not_an_error(http: Any, holder: Holder, read_hidden: Any) -> None:
    await _log_in(http, read_hidden, PASSWORD, holder.shown())
    csrf = read_hidden((await http.get("/connexion/compte/citoyen")).text)
    for identifier in ("a", "é", "!", ""):
        answer = await http.post("/connexion/compte/citoyen/cle", data=csrf | {"passkey": identifier})
        assert answer.status_code in {303, 401}
