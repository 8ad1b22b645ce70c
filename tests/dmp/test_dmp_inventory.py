"""Nothing personal leaves the database without an actor and a trace: checked over every statement and use case."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from socle.platform import audit
from socle.platform.actor import Actor, ActorKind
from socle.platform.database import Query
from socle.platform.patient_key import patient_key
from socle.services.dmp import notice_store, reports, store, traces
from socle.services.dmp import service as service_module
from socle.services.dmp.domain import (
    AuthorizationAction,
    DocumentChange,
    DocumentFilter,
    DocumentRequest,
    FindDocuments,
    Function,
    GetDocuments,
    Mandate,
    MandateKind,
    MandateScope,
    RecordSettings,
)
from socle.services.dmp.service import DmpService
from socle.standards.errors import SocleError
from socle.standards.xds.model import RegistryObjects, Status, Visibility

PACKAGE = Path(service_module.__file__).parent
#: Use cases without an actor: the base's own jobs, traced under its own name, or returning no personal data.
JOBS = {
    "merge_records": "traced on both chains",
    "unmerge_records": "traced on both chains",
    "destroy_record": "traced",
    "sweep": "traced for each record it opens or destroys",
    "send_notices": "says what kind of thing happened to whoever may read it, and nothing else",
    "read_to_index": "traced under the base's name",
    "destroy_with_record": "registers what else goes; returns nothing",
    "hold_record": "locks, and tells nothing but that the record lives",
    "move_with_record": "registers what else moves; returns nothing",
    "list_to_index": "uniqueIds alone, for the base's own index",
    "stamp_to_index": "a number of documents and a hash",
    "stored_contents": "addresses and hashes alone",
    "is_stored": "yes or no",
}
#: Statements that return no personal data.
HARMLESS = {
    "record_state",
    "known_records",
    "lock_record",
    "rights_version",
    "claim_locators",
    "find_locators",
    "referenced_addresses",
    "list_contents",
    "records_to_open",
    "records_to_destroy",
    "awaited_announcements",
}
#: Statements by which the base decides: what they return stays inside.
DECIDING = {"find_record_and_rights"}


def statements() -> dict[str, Query]:
    return store.QUERIES.by_name | notice_store.QUERIES.by_name | reports.QUERIES.by_name


def returns_rows(sql: str) -> bool:
    bare = re.sub(r"/\*.*?\*/", "", sql).lstrip()
    return bare.startswith(("SELECT", "WITH")) or "RETURNING" in bare


def test_every_statement_is_used_and_only_by_the_two_stores_and_the_jobs():
    used: dict[str, set[str]] = {}
    for path in PACKAGE.glob("*.py"):
        source = path.read_text()
        for name in statements():
            if f'"{name}"' in source:
                used.setdefault(name, set()).add(path.name)
    composed = {f"take_{table}" for table in ("entries", "sets", "folders", "associations")}
    assert set(statements()) - used.keys() - composed == set()
    readers = {
        "store.py",
        "search_store.py",
        "record_store.py",
        "notice_store.py",
        "reports.py",
        "upkeep.py",
        "merging.py",
    }
    for name, files in used.items():
        if returns_rows(statements()[name].sql):
            assert files <= readers, (name, files)


def test_no_sql_is_written_outside_the_files_of_statements():
    for path in PACKAGE.glob("*.py"):
        assert not re.search(r"connection\.(fetch|fetchrow|fetchval|execute)\(", path.read_text()), path.name


def test_every_statement_names_the_patient_or_is_known_not_to():
    across = {
        "list_authorized_records",
        "list_reports",
        "list_mandated_records",
        "find_locators",
        "move_locators",
        "known_records",
        "list_contents",
        "records_to_open",
        "records_to_destroy",
        "awaited_announcements",
    }
    for name, query in statements().items():
        assert ("patient_key" in query.parameters) == (name not in across) or name == "move_locators", name


def public_methods() -> dict[str, object]:
    return {name: member for name, member in inspect.getmembers(DmpService, inspect.isfunction) if name[0] != "_"}


def test_every_use_case_takes_an_actor_or_is_a_known_job():
    without = {
        name
        for name, member in public_methods().items()
        if "Actor" not in str(inspect.signature(member).parameters.get("actor", ""))
    }
    assert without == JOBS.keys()


def test_every_use_case_says_what_it_guarantees():
    for name, member in public_methods().items():
        assert (member.__doc__ or "").strip().endswith((".", "``")), name


@pytest.fixture
def log(monkeypatch):
    """Names of statements in the order in which they run, audit's included."""
    ran: list[str] = []
    for method in ("rows", "row", "execute", "execute_many"):
        original = getattr(Query, method)

        def logged(self, connection, *args, _original=original, **values):
            ran.append("append" if self is audit.QUERIES["append"] else self.name)
            return _original(self, connection, *args, **values)

        monkeypatch.setattr(Query, method, logged)
    return ran


async def test_every_use_case_traces_after_the_last_personal_row_that_it_read(dmp, mail, world, opened, log, clock):
    doctor, other = world.doctor(1), world.doctor(2)
    ins = await opened(doctor)
    holder, operator = world.holder(ins), world.operator()
    document = (await dmp.submit(doctor, world.submission(ins, doctor))).objects.documents[0]
    unopened, announced, opposed = world.patient(), world.patient(), world.patient()
    mandate = Mandate(
        agent_id="friend", kind=MandateKind.DELEGATE, scope=MandateScope.READ, name="P", starts_at=clock()
    )
    query = FindDocuments(patient=ins, filter=DocumentFilter())
    archive = world.status_change(ins, doctor, document.entry_uuid, Status.APPROVED, Status.ARCHIVED)
    calls = {
        "submit": lambda: dmp.submit(doctor, world.submission(ins, doctor)),
        "update": lambda: dmp.update(doctor, archive),
        "patch": lambda: dmp.patch(doctor, document.unique_id, DocumentChange(is_archived=False), patient=ins),
        "hide": lambda: dmp.hide(holder, ins, document.unique_id),
        "unhide": lambda: dmp.unhide(holder, ins, document.unique_id),
        "query": lambda: dmp.query(doctor, query),
        "search": lambda: dmp.search(doctor, query),
        "list_names": lambda: dmp.list_names(doctor, ins),
        "retrieve": lambda: dmp.retrieve(doctor, [DocumentRequest(unique_id=document.unique_id)], patient=ins),
        "record_status": lambda: dmp.record_status(doctor, ins),
        "read_record": lambda: dmp.read_record(holder, ins),
        "announce_record": lambda: dmp.announce_record(operator, announced),
        "oppose": lambda: dmp.oppose(world.holder(opposed), opposed),
        "open_record": lambda: dmp.open_record(operator, unopened),
        "load_records": lambda: dmp.load_records(operator, [(world.patient(), None)]),
        "set_authorization": lambda: dmp.set_authorization(other, ins, AuthorizationAction.AJOUT),
        "list_authorizations": lambda: dmp.list_authorizations(holder, ins),
        "authorized_records": lambda: dmp.authorized_records(doctor),
        "block": lambda: dmp.block(holder, ins, other.id),
        "list_blocks": lambda: dmp.list_blocks(holder, ins),
        "unblock": lambda: dmp.unblock(holder, ins, other.id),
        "change_settings": lambda: dmp.change_settings(holder, ins, RecordSettings()),
        "give_mandate": lambda: dmp.give_mandate(holder, ins, mandate),
        "list_mandates": lambda: dmp.list_mandates(holder, ins),
        "mandated_records": lambda: dmp.mandated_records(world.agent(ActorKind.DELEGATE, "friend")),
        "withdraw_mandate": lambda: dmp.withdraw_mandate(holder, ins, "friend"),
        "access_history": lambda: dmp.access_history(holder, ins),
        "export_traces": lambda: dmp.export_traces(holder, ins),
        "own_activity": lambda: dmp.own_activity(doctor),
        "list_notices": lambda: dmp.list_notices(holder, ins),
        "propose_contact": lambda: dmp.propose_contact(holder, ins, "lea@exemple.test", []),
        "find_contact": lambda: dmp.find_contact(holder, ins),
        "choose_notices": lambda: dmp.choose_notices(holder, ins, []),
        "confirm_contact": lambda: dmp.confirm_contact(holder, ins, mail.code()),
        "forget_contact": lambda: dmp.forget_contact(holder, ins),
        "report_access": lambda: dmp.report_access(holder, ins, 1),
        "list_reports": lambda: dmp.list_reports(operator),
        "answer_report": lambda: dmp.answer_report(operator, patient_key(ins), 1, "Votre remplaçante."),
        "close_record": lambda: dmp.close_record(holder, ins),
        "reopen_record": lambda: dmp.reopen_record(holder, ins),
    }
    assert calls.keys() == public_methods().keys() - JOBS.keys()
    personal = {name for name, query in statements().items() if returns_rows(query.sql)} - HARMLESS - DECIDING
    for name, call in calls.items():
        log.clear()
        await call()
        assert "append" in log, name
        last = max((place for place, ran in enumerate(log) if ran in personal), default=-1)
        assert "append" in log[last + 1 :], (name, log)


async def test_a_refusal_is_traced_by_its_own_transaction(dmp, world, opened, base):
    doctor = world.doctor()
    ins = await opened()
    with pytest.raises(Exception, match="DMPAuthorizationRequired"):
        await dmp.query(doctor, FindDocuments(patient=ins, filter=DocumentFilter()))
    async with base.database.connection() as connection:
        (trace,) = await base.audit.of_actor(connection, doctor.id)
    assert (trace.event.right, int(trace.event.outcome)) == ("authorization-required", 4)


def test_every_function_of_the_dmp_has_a_sentence_in_the_history():
    silent = {Function.LOCATE, Function.SEARCH, Function.CONSULT, Function.FEED, Function.MAINTAIN}
    silent |= {Function.MASK, Function.RELEASE, Function.DELETE, Function.ARCHIVE, Function.LIST_AUTHORIZED_RECORDS}
    assert {function.value for function in Function if function not in silent} <= traces.PHRASES.keys()


def test_the_actor_of_a_trace_is_whole():
    assert {"kind", "id", "name", "profession", "structure", "software", "purpose"} <= set(Actor.__struct_fields__)


async def test_what_is_hidden_and_what_is_not_there_take_the_same_steps(dmp, world, opened, log):
    author, other, stranger = world.doctor(1), world.doctor(2), world.doctor(3)
    ins = await opened(author, other)
    submission = world.submission(ins, author, visibility=(Visibility.MASQUE_PS,))
    hidden = (await dmp.submit(author, submission)).objects.documents[0].unique_id
    nothing = world.oid()

    async def steps(call) -> tuple[list[str], str]:
        log.clear()
        try:
            said = repr(await call)
        except SocleError as error:
            said = f"{error.code} {error.sentence()}"
        return sorted(log), said.replace(hidden, "?").replace(nothing, "?")

    for actor, patient in ((other, ins), (other, None), (stranger, None)):
        calls = {
            "query": lambda name: dmp.query(actor, GetDocuments(unique_ids=(name,), patient=patient)),  # noqa: B023
            "retrieve": lambda name: dmp.retrieve(actor, [DocumentRequest(unique_id=name)], patient=patient),  # noqa: B023
            "patch": lambda name: dmp.patch(actor, name, DocumentChange(is_archived=True), patient=patient),  # noqa: B023
        }
        for use, call in calls.items():
            assert await steps(call(hidden)) == await steps(call(nothing)), (use, actor.id)
    for wanted in (DocumentFilter(unique_ids=(hidden,)), DocumentFilter(title="CR de"), DocumentFilter()):
        page = await dmp.search(other, FindDocuments(patient=ins, filter=wanted))
        assert (page.objects, page.total, page.next) == (RegistryObjects(), 0, "")


@pytest.mark.parametrize("transaction", ["ins.read", "ins.search", "mss.read", "mss.search"])
def test_reading_an_identity_or_a_message_is_not_told_as_reading_a_document(transaction):
    assert "document" not in traces.PHRASES[transaction].done.fr + traces.PHRASES[transaction].done.en
