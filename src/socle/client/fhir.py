"""The FHIR door: PDSm and MHD over HTTPS, with an access token of Pro Santé Connect.

Source: fact sheet "DMP exchange" §3.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import httpx
import msgspec

from socle.client.door import Criteria, Door
from socle.client.errors import Refused, unreachable
from socle.standards.errors import SocleError
from socle.standards.fhir.json_codec import decode_json, encode_json
from socle.standards.fhir.outcome import sentences_of
from socle.standards.fhir.pdsm import vocabulary as v
from socle.standards.fhir.pdsm.bundles import bundle_of
from socle.standards.fhir.pdsm.documents import registered_entry_of
from socle.standards.fhir.pdsm.systems import concept_of, is_oid, url_of
from socle.standards.fhir.pdsm.times import to_date_time
from socle.standards.fhir.resources import Bundle, DocumentReference, OperationOutcome
from socle.standards.ids.ins import Ins
from socle.standards.xds.errors import Severity, XdsError
from socle.standards.xds.model import VISIBILITY_SYSTEM, Code, DocumentEntry, Status, Submission, Visibility

JSON: Final = "application/fhir+json"
_STATUSES: Final = {
    Status.APPROVED: "current",
    Status.ARCHIVED: "current",
    Status.DEPRECATED: "superseded",
    Status.DELETED: "entered-in-error",
}
_PATIENT_PAGE: Final = "100"

#: Gives the access token of each call.
Token = Callable[[], Awaitable[str]]


class FhirDoor(Door):
    """One user of the FHIR server at ``url`` (``…/dmp/fhir``).

    ``http`` carries TLS; ``token`` gives the access token of each call; ``headers`` go with each (work situation …).
    """

    def __init__(
        self, url: str, http: httpx.AsyncClient, token: Token | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self._http = http
        self._token = token
        self._headers = {"accept": JSON, "accept-language": "fr"} | dict(headers or {})
        #: Where the server keeps what it showed: attachment by uniqueId, resource by entryUUID.
        self._contents: dict[str, str] = {}
        self._references: dict[str, str] = {}

    async def aclose(self) -> None:
        """Closes the connection."""
        await self._http.aclose()

    async def submit(self, submission: Submission) -> tuple[str, ...]:
        """ITI-65. Returns the warnings. The server signs or stores unsigned: PDSm carries no XAdES."""
        targets = {link.target for link in submission.associations}
        references = {uuid: self._references.get(uuid, f"DocumentReference/{uuid[9:]}") for uuid in targets}
        bundle = bundle_of(submission, references)
        answer = await self._call("POST", "", encode_json(bundle), {"content-type": JSON})
        response = decode_json(answer.content, Bundle)
        outcomes = [entry.response.outcome for entry in response.entry if entry.response]
        return tuple(
            " / ".join(dict.fromkeys(sentences_of(issue)))
            for outcome in outcomes
            if isinstance(outcome, OperationOutcome)
            for issue in outcome.issue
        )

    async def search(self, patient: Ins, criteria: Criteria) -> list[DocumentEntry]:
        """ITI-67, by POST so that the INS is in no URL; follows every page."""
        references = criteria.reference_ids
        form = [
            ("patient.identifier", f"urn:oid:{patient.oid}|{patient.matricule}"),
            ("status", ",".join(sorted({_STATUSES[status] for status in criteria.statuses}))),
            ("_count", _PATIENT_PAGE),
            ("_total", "none"),
            *_code_parameters(criteria),
            *([("related", ",".join(_escaped(cxi.partition("^")[0]) for cxi in references))] if references else []),
            *_time_parameters(criteria),
        ]
        entries = await self._find(form)
        return [entry for entry in entries if _matches(entry, criteria)]

    async def locate(self, unique_id: str, patient: Ins | None = None) -> DocumentEntry | None:
        """ITI-67 by identifier: the version in force."""
        form = [("identifier", _identifier(unique_id)), ("status", "current,superseded")]
        if patient is not None:
            form.append(("patient.identifier", f"urn:oid:{patient.oid}|{patient.matricule}"))
        entries = sorted(
            await self._find(form), key=lambda entry: (entry.status is not Status.DEPRECATED, entry.version)
        )
        return entries[-1] if entries else None

    async def entry_uuid_of(self, unique_id: str, patient: Ins | None = None) -> str:
        """TD3.1b: the ids alone, allowed to who only feeds."""
        form = [("identifier", _identifier(unique_id)), ("status", "current"), ("_elements", "id,identifier")]
        bundle = await self._page(await self._post_search(form))
        for entry in bundle.entry:
            if isinstance(entry.resource, DocumentReference):
                uuids = [i.value for i in entry.resource.identifier if i.value and i.value.startswith("urn:uuid:")]
                uuid = uuids[0] if uuids else f"urn:uuid:{entry.resource.id}"
                self._references[uuid] = f"DocumentReference/{entry.resource.id}"
                return uuid
        return ""

    async def retrieve(self, entry: DocumentEntry) -> bytes:
        """ITI-68."""
        if entry.unique_id not in self._contents:
            await self.locate(entry.unique_id, entry.patient_id)
        url = self._contents.get(entry.unique_id, f"Binary/{entry.unique_id}")
        answer = await self._call("GET", url, headers={"accept": f"{entry.mime_type}, */*;q=0.1"})
        return answer.content

    async def set_visibility(self, entry: DocumentEntry, visibility: frozenset[Visibility]) -> None:
        """PATCH of ``securityLabel`` (TD3.3a, TD3.3b)."""
        kept = [code for code in entry.confidentiality_codes if code.system != VISIBILITY_SYSTEM]
        codes = [*kept, *(Code(value, VISIBILITY_SYSTEM) for value in sorted(visibility))]
        labels = [msgspec.to_builtins(concept_of(code)) for code in codes]
        await self._patch(entry, [{"op": "replace", "path": "/securityLabel", "value": labels}])

    async def set_status(self, entry: DocumentEntry, status: Status) -> None:
        """PATCH of ``isArchived`` or ``status`` (TD3.3c, TD3.3d)."""
        if status is Status.DELETED:
            await self._patch(entry, [{"op": "replace", "path": "/status", "value": "entered-in-error"}])
            return
        archived = {"url": v.IS_ARCHIVED, "valueBoolean": status is Status.ARCHIVED}
        await self._patch(entry, [{"op": "add", "path": "/extension", "value": [archived]}])

    async def _patch(self, entry: DocumentEntry, operations: Sequence[Mapping[str, Any]]) -> None:
        await self._call(
            "PATCH",
            f"DocumentReference?{httpx.QueryParams({'identifier': _identifier(entry.unique_id)})}",
            msgspec.json.encode(operations),
            {"content-type": "application/json-patch+json", "if-match": f'W/"{entry.version}"'},
        )

    async def _find(self, form: Sequence[tuple[str, str]]) -> list[DocumentEntry]:
        entries: list[DocumentEntry] = []
        bundle = await self._page(await self._post_search(form))
        while True:
            shown = [item.resource for item in bundle.entry if isinstance(item.resource, DocumentReference)]
            entries += map(self._known, shown)
            following = next((link.url for link in bundle.link if link.relation == "next"), "")
            if not following:
                return entries
            bundle = await self._page(await self._call("GET", following))

    def _known(self, resource: DocumentReference) -> DocumentEntry:
        entry = registered_entry_of(resource)
        url = resource.content[0].attachment.url
        if url:
            self._contents[entry.unique_id] = url
        self._references[entry.entry_uuid] = f"DocumentReference/{resource.id}"
        return entry

    async def _post_search(self, form: Sequence[tuple[str, str]]) -> httpx.Response:
        body = str(httpx.QueryParams(list(form))).encode()
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return await self._call("POST", "DocumentReference/_search", body, kind)

    async def _page(self, answer: httpx.Response) -> Bundle:
        return decode_json(answer.content, Bundle)

    async def _call(
        self, method: str, path: str, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """One call. Raises ``Refused`` on an OperationOutcome of errors, ``Unavailable`` on silence."""
        url = path if "://" in path else f"{self.url}/{path}".rstrip("/")
        sent = self._headers | dict(headers or {})
        if self._token is not None and url.startswith(self.url):
            sent["authorization"] = f"Bearer {await self._token()}"
        try:
            answer = await self._http.request(method, url, content=content, headers=sent)
        except httpx.HTTPError as error:
            raise unreachable(error) from error
        if answer.status_code >= 400:
            raise _refusal(answer)
        return answer


def _refusal(answer: httpx.Response) -> SocleError:
    try:
        outcome = decode_json(answer.content, OperationOutcome)
    except SocleError:
        return unreachable(httpx.HTTPError(f"HTTP {answer.status_code}"))
    errors = []
    for issue in outcome.issue:
        coding = issue.details.coding if issue.details else ()
        fr, en = (" ".join(filter(None, (text, issue.diagnostics))) for text in sentences_of(issue))
        errors.append(
            XdsError(
                code=next((c.code for c in coding if c.code), issue.code),
                context=f"{fr} / {en}" if fr != en else fr,
                location=issue.expression[0] if issue.expression else "",
                severity=Severity.WARNING if issue.severity in ("warning", "information") else Severity.ERROR,
            )
        )
    return Refused(errors)


def _identifier(unique_id: str) -> str:
    return f"{v.URI_SYSTEM}|urn:oid:{unique_id}" if is_oid(unique_id) else f"{v.URI_SYSTEM}|{unique_id}"


def _code_parameters(criteria: Criteria) -> list[tuple[str, str]]:
    return [
        (name, ",".join(_token(code) for code in codes))
        for name, codes in (
            ("category", criteria.class_codes),
            ("type", criteria.type_codes),
            ("format", criteria.format_codes),
            ("event", criteria.event_codes),
            ("setting", criteria.practice_setting_codes),
            ("facility", criteria.facility_codes),
        )
        if codes
    ]


def _time_parameters(criteria: Criteria) -> list[tuple[str, str]]:
    return [
        (name, prefix + (to_date_time(dtm) or ""))
        for name, prefix, dtm in (
            ("period-start", "ge", criteria.service_start_from),
            ("period-start", "lt", criteria.service_start_to),
            ("creation", "ge", criteria.creation_from),
            ("creation", "lt", criteria.creation_to),
        )
        if dtm
    ]


def _token(code: Code) -> str:
    return f"{url_of(code.system)}|{_escaped(code.code)}" if code.system else _escaped(code.code)


def _escaped(text: str) -> str:
    return re.sub(r"([\\,|$])", r"\\\1", text)


def _matches(entry: DocumentEntry, criteria: Criteria) -> bool:
    """What FHIR's parameters cannot say: which of the two current statuses, patterns on authors, several references."""
    if entry.status not in criteria.statuses:
        return False
    if criteria.author:
        pattern = re.escape(criteria.author).replace("%", ".*").replace("_", ".")
        if not any(re.fullmatch(pattern, author.person, re.DOTALL) for author in entry.authors):
            return False
    known = {text for cxi in entry.reference_ids for text in (cxi, cxi.partition("^")[0])}
    return not criteria.reference_ids or bool(known & set(criteria.reference_ids))
