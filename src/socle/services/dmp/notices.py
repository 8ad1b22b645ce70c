"""What the holder is told: in the space, and by mail where the holder, or who acts for the holder, asked for it.

A mail says what kind of thing happened and how often, and nothing else: no name, no document, no health. A notice is
sent at most once: it is taken before sending and given back only when it surely did not leave.
Source: fact sheet "citizen" §11.4.
"""

from __future__ import annotations

import hmac
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.audit import Action
from socle.platform.database import Connection
from socle.platform.outgoing import AddressRefused, NotSent, OutgoingMessage
from socle.services.dmp import notice_store, record_store
from socle.services.dmp.context import DmpContext, SendNotices, Visit
from socle.services.dmp.domain import Contact, Door, Function, Notice, NoticeKind
from socle.services.dmp.errors import invalid
from socle.services.dmp.notice_store import QUERIES, StoredContact
from socle.services.dmp.rules import Allowed, decide
from socle.standards.errors import Conflict, InvalidContent, Text
from socle.standards.ids.ins import Ins
from socle.standards.mail.address import parse_address

K = NoticeKind

#: What a mail says of a kind, once and several times.
_LINES: Final = {
    K.FIRST_ACCESS: (
        Text("un soignant a ouvert votre dossier pour la première fois", "a professional opened your record first"),
        Text("{n} soignants ont ouvert votre dossier pour la première fois", "{n} professionals opened it first"),
    ),
    K.EMERGENCY_ACCESS: (
        Text("votre dossier a été ouvert en urgence", "your record was opened in an emergency"),
        Text("votre dossier a été ouvert {n} fois en urgence", "your record was opened {n} times in an emergency"),
    ),
    K.NEW_DOCUMENT: (
        Text("votre dossier contient du nouveau", "there is something new in your record"),
        Text("votre dossier contient du nouveau ({n} ajouts)", "there is something new in your record ({n} additions)"),
    ),
    K.AWAITED_ANNOUNCEMENT: (
        Text("un soignant souhaite vous voir en consultation", "a professional wishes to see you"),
        Text("un soignant souhaite vous voir en consultation", "a professional wishes to see you"),
    ),
    K.RECORD_OPENED: (Text("votre dossier est ouvert", "your record is open"),) * 2,
    K.RECORD_CLOSED: (Text("votre dossier est fermé", "your record is closed"),) * 2,
    K.MANDATE_CHANGED: (
        Text("les personnes qui agissent sur votre dossier ont changé", "the people who act on your record changed"),
    )
    * 2,
}
_CODE_LIFE: Final = timedelta(minutes=30)
_MOST_WRONG_CODES: Final = 5
_MOST_CODES_A_DAY: Final = 5
_TRANSACTION: Final = "contact"
#: To whom a report goes: whoever runs the base.
OPERATOR_RECIPIENT: Final = "operator"


async def list_notices(ctx: DmpContext, actor: Actor, ins: Ins, *, count: int, door: Door) -> list[Notice]:
    """What the holder's side was told; a médecin traitant reads what was told to them."""
    async with (
        ctx.attempt(actor, Action.READ, Function.READ_TRACES, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, Function.READ_TRACES, actor, ins, of_record=True)
        recipient_id = actor.id if actor.kind is ActorKind.PROFESSIONAL else ""
        found = [
            await _with_words(ctx, connection, notice, sealed)
            for notice, sealed in await notice_store.list_notices(connection, visit.key, count, recipient_id)
        ]
        await ctx.trace(connection, visit, Action.READ, Function.READ_TRACES, door)
        return found


async def _with_words(ctx: DmpContext, connection: Connection, notice: Notice, sealed: bytes) -> Notice:
    if not sealed:
        return notice
    words = await ctx.words_of(connection, notice.patient_key, notice.id, sealed)
    return msgspec.structs.replace(notice, text_fr=f"{notice.text_fr} {words}", text_en=f"{notice.text_en} {words}")


async def report_access(ctx: DmpContext, actor: Actor, ins: Ins, sequence: int, text: str, door: Door) -> None:
    """« Je ne reconnais pas cet accès »: kept as a notice to the operator, and traced."""
    async with (
        ctx.attempt(actor, Action.CREATE, Function.READ_TRACES, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, Function.READ_TRACES, actor, ins, of_record=True)
        said = (f"Accès n° {sequence} non reconnu.", f"Access no. {sequence} not recognised.")
        names = {"about": str(sequence), "recipient_id": OPERATOR_RECIPIENT}
        await ctx.tell(connection, visit.key, K.ACCESS_REPORTED, said, **names, words=text.strip())
        await ctx.trace(connection, visit, Action.CREATE, Function.READ_TRACES, door)


# --- where to send ---


async def find_contact(ctx: DmpContext, actor: Actor, ins: Ins, door: Door) -> Contact | None:
    """Where ``actor`` is told about the record."""
    async with (
        ctx.attempt(actor, Action.READ, _TRANSACTION, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, Function.READ_TRACES, actor, ins, of_record=True)
        stored = await notice_store.find_contact(connection, visit.key, actor.id)
        await ctx.trace(connection, visit, Action.READ, _TRANSACTION, door)
    if stored is None:
        return None
    return Contact(
        address=await _address_of(ctx, stored),
        kinds=stored.kinds,
        is_verified=stored.verified_at is not None,
        is_refused=stored.refused_at is not None,
    )


async def propose_contact(
    ctx: DmpContext, actor: Actor, ins: Ins, address: str, kinds: Iterable[NoticeKind], language: str, door: Door
) -> None:
    """Keeps ``address``, to which a code is sent: it counts once the code comes back. See ``DmpService``."""
    if ctx.send is None:
        raise Conflict(
            "NoticesNotSent",
            Text("Ce service n'envoie pas de courriel.", "This service sends no mail."),
            remedy=Text("Vos avis sont dans votre espace.", "Your notices are in your space."),
        )
    code, now = f"{secrets.randbelow(10**6):06d}", ctx.base.clock()
    async with _changing(ctx, actor, ins, door) as (connection, visit):
        kept = await notice_store.find_contact(connection, visit.key, actor.id)
        if kept is not None and kept.codes_sent >= _MOST_CODES_A_DAY and _age(kept, now) < timedelta(days=1):
            raise invalid(
                "TooManyCodes",
                "Trop de codes ont été demandés aujourd'hui.",
                "Too many codes were asked for today.",
                location="address",
                remedy=Text("Recommencez demain.", "Try again tomorrow."),
            )
        wanted = str(parse_address(address))
        ring = await ctx.base.objects.rings.ring(visit.key, connection)
        contact = StoredContact(
            patient_key=visit.key,
            account_id=actor.id,
            actor_kind=actor.kind,
            address=ring.seal(_context(actor.id), wanted.encode()),
            kinds=frozenset(kinds),
            language=language,
            verified_at=None,
            refused_at=None,
            code_sha256=None,
            code_sent_at=None,
            codes_sent=0,
            wrong_codes=0,
        )
        await notice_store.put_contact(connection, contact, code_sha256=_hash(code, actor.id), now=now)
    await ctx.send(_code_message(wanted, code, language))


async def confirm_contact(ctx: DmpContext, actor: Actor, ins: Ins, code: str, door: Door) -> None:
    """The code came back: notices go to the address from now on. A wrong code counts; five of them end it."""
    is_right = False
    async with _changing(ctx, actor, ins, door) as (connection, visit):
        kept = await notice_store.find_contact(connection, visit.key, actor.id)
        now, names = ctx.base.clock(), {"patient_key": visit.key, "account_id": actor.id}
        if (
            kept is not None
            and kept.code_sha256 is not None
            and kept.wrong_codes < _MOST_WRONG_CODES
            and _age(kept, now) < _CODE_LIFE
        ):
            is_right = hmac.compare_digest(kept.code_sha256, _hash(code.strip().replace(" ", ""), actor.id))
        if is_right:
            await QUERIES["verify_contact"].execute(connection, **names, now=now)
        else:
            await QUERIES["count_wrong_code"].execute(connection, **names)
    if not is_right:
        raise InvalidContent(
            "WrongCode",
            Text("Ce code n'est pas le bon, ou il a expiré.", "This code is not the right one, or has expired."),
            location="code",
            remedy=Text("Vérifiez-le, ou demandez-en un autre.", "Check it, or ask for another."),
        )


async def choose_notices(
    ctx: DmpContext, actor: Actor, ins: Ins, kinds: Iterable[NoticeKind], language: str, door: Door
) -> None:
    """Of what ``actor`` wants to be told by mail; of nothing ends it."""
    async with _changing(ctx, actor, ins, door) as (connection, visit):
        await notice_store.choose_kinds(connection, visit.key, actor.id, frozenset(kinds), language)


async def forget_contact(ctx: DmpContext, actor: Actor, ins: Ins, door: Door) -> None:
    """No mail goes to ``actor`` any more; the address is deleted."""
    async with _changing(ctx, actor, ins, door) as (connection, visit):
        await QUERIES["delete_contact"].execute(connection, patient_key=visit.key, account_id=actor.id)


@asynccontextmanager
async def _changing(ctx: DmpContext, actor: Actor, ins: Ins, door: Door) -> AsyncIterator[tuple[Connection, Visit]]:
    """A change of where ``actor`` is told: decided, done and traced in one transaction."""
    async with (
        ctx.attempt(actor, Action.UPDATE, _TRANSACTION, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, Function.READ_TRACES, actor, ins, of_record=True, for_change=True)
        yield connection, visit
        await ctx.trace(connection, visit, Action.UPDATE, _TRANSACTION, door)


# --- sending ---


async def send_notices(ctx: DmpContext, request: SendNotices) -> int:
    """Sends in one mail what waits for one account about one record; returns how many notices it told of.

    Whoever may no longer read the history of the record is told no more. Raises ``NotSent`` for what is to be tried
    again.
    """
    key, account_id, now = request.patient_key, request.account_id, ctx.base.clock()
    async with ctx.base.database.transaction() as connection:
        contact = await notice_store.find_contact(connection, key, account_id)
        if ctx.send is None or contact is None or contact.refused_at is not None or contact.verified_at is None:
            return 0
        if not await _may_be_told(ctx, connection, contact):
            await QUERIES["delete_contact"].execute(connection, patient_key=key, account_id=account_id)
            return 0
        taken = await notice_store.take_deliveries(connection, key, account_id, now)
        address = await _address_of(ctx, contact, connection)
    if not taken:
        return 0
    message = _notice_message(address, [kind for _, kind in taken], contact.language, ctx.base.settings.base_url)
    try:
        await ctx.send(message)
    except (NotSent, AddressRefused) as error:
        async with ctx.base.database.transaction() as connection:
            if isinstance(error, AddressRefused):
                await QUERIES["refuse_contact"].execute(connection, patient_key=key, account_id=account_id, now=now)
                return 0
            await notice_store.give_back_deliveries(connection, key, account_id, [one for one, _ in taken])
        raise
    return len(taken)


async def _may_be_told(ctx: DmpContext, connection: Connection, contact: StoredContact) -> bool:
    """Whether the account may still read what it is told of: a mandate may have ended, a child come of age."""
    reader = Actor(kind=contact.actor_kind, id=contact.account_id, name="", authentication=AuthenticationMode.CITIZEN)
    found = await record_store.find_record(connection, contact.patient_key, reader)
    if found is None:
        return False
    reader = msgspec.structs.replace(reader, patient=found.record.ins)
    decision = decide(Function.READ_TRACES, reader, found.record, found.rights, ctx.base.clock(), ctx.policy)
    return isinstance(decision, Allowed)


async def _address_of(ctx: DmpContext, contact: StoredContact, connection: Connection | None = None) -> str:
    rings = ctx.base.objects.rings
    opened = await rings.open(contact.patient_key, _context(contact.account_id), contact.address, connection)
    return opened.decode()


def _context(account_id: str) -> bytes:
    return b"contact" + account_id.encode()


def _hash(code: str, account_id: str) -> bytes:
    return sha256(f"{account_id}|{code}".encode()).digest()


def _age(contact: StoredContact, now: datetime) -> timedelta:
    return now - contact.code_sent_at if contact.code_sent_at is not None else timedelta.max


def _code_message(address: str, code: str, language: str) -> OutgoingMessage:
    subject = Text("Votre code de vérification", "Your verification code")
    text = Text(
        f"Bonjour,\n\nvotre code est {code}. Il vaut trente minutes.\n\n"
        "Si vous n'avez rien demandé, ne faites rien : aucun message ne vous sera envoyé.\n",
        f"Hello,\n\nyour code is {code}. It is good for thirty minutes.\n\n"
        "If you asked for nothing, do nothing: no message will be sent to you.\n",
    )
    return OutgoingMessage(address, subject.in_language(language), text.in_language(language))


def _notice_message(address: str, kinds: Sequence[NoticeKind], language: str, base_url: str) -> OutgoingMessage:
    """What happened, by kind, without a name, a document or a word on health."""
    counts = Counter(kinds)
    lines = [
        _LINES[kind][counts[kind] > 1].in_language(language).format(n=counts[kind])
        for kind in NoticeKind
        if kind in counts
    ]
    told = "".join(f"  - {line}\n" for line in lines)
    subject = Text("Du nouveau dans votre espace santé", "News in your health space")
    text = Text(
        f"Bonjour,\n\n{told}\nPour en savoir plus, connectez-vous : {base_url}/espace\n\n"
        f"Pour choisir ce dont vous êtes prévenu, ou ne plus l'être : {base_url}/espace/compte\n",
        f"Hello,\n\n{told}\nTo know more, log in: {base_url}/espace\n\n"
        f"To choose what you are told, or to be told no more: {base_url}/espace/compte\n",
    )
    return OutgoingMessage(address, subject.in_language(language), text.in_language(language))
