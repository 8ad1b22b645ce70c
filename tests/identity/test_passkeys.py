"""Passkeys, with a software authenticator that follows WebAuthn by hand."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from datetime import timedelta
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from socle.services.identity.domain import AccountKind
from socle.services.identity.errors import LoginRefused
from socle.services.identity.passkeys import Passkeys
from socle.services.identity.service import IdentityService

PASSWORD = "cheval batterie agrafe"
_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Authenticator:
    """One device with one credential."""

    def __init__(self, origin: str = "http://127.0.0.1:8000", host: str = "127.0.0.1") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(16)
        self.origin, self.host, self.count = origin, host, 0

    def _client_data(self, kind: str, options: str) -> bytes:
        challenge = json.loads(options)["challenge"]
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _data(self, flags: int) -> bytes:
        self.count += 1
        return hashlib.sha256(self.host.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def create(self, options: str) -> dict[str, Any]:
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        data = self._data(_PRESENT | _VERIFIED | _ATTESTED)
        data += bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(public)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        response = {
            "clientDataJSON": _text(self._client_data("webauthn.create", options)),
            "attestationObject": _text(attestation),
        }
        return {"id": _text(self.id), "rawId": _text(self.id), "type": "public-key", "response": response}

    def get(self, options: str, *, flags: int = _PRESENT | _VERIFIED) -> dict[str, Any]:
        client_data = self._client_data("webauthn.get", options)
        data = self._data(flags)
        signed = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": _text(client_data),
            "authenticatorData": _text(data),
            "signature": _text(signed),
        }
        return {"id": _text(self.id), "rawId": _text(self.id), "type": "public-key", "response": response}


@pytest.fixture
async def passkeys(identity: IdentityService) -> Any:
    """The service, an operator's account, and the device that they registered."""
    account = await identity.accounts.add_operator("ops", "Ops", PASSWORD)
    service, device = Passkeys(identity.base), Authenticator()
    options, kept = await service.offer_registration(account)
    await service.register(account, device.create(options), kept, "Téléphone")
    return service, account, device


async def test_a_registered_passkey_logs_its_account_in(passkeys: Any) -> None:
    service, account, device = passkeys
    assert [name for _, name in await service.list(account.id)] == ["Téléphone"]
    options, kept = await service.offer_login()
    assert await service.log_in(AccountKind.OPERATOR, device.get(options), kept) == account.id


async def test_a_passkey_of_one_kind_of_account_opens_no_other(passkeys: Any) -> None:
    service, _, device = passkeys
    options, kept = await service.offer_login()
    with pytest.raises(LoginRefused):
        await service.log_in(AccountKind.CITIZEN, device.get(options), kept)


async def test_an_unverified_user_another_site_or_an_old_challenge_is_refused(passkeys: Any, clock: Any) -> None:
    service, _, device = passkeys
    options, kept = await service.offer_login()
    with pytest.raises(LoginRefused):
        await service.log_in(AccountKind.OPERATOR, device.get(options, flags=_PRESENT), kept)
    device.origin = "https://evil.example"
    with pytest.raises(LoginRefused):
        await service.log_in(AccountKind.OPERATOR, device.get(options), kept)
    device.origin = "http://127.0.0.1:8000"
    answer = device.get(options)
    _, other = await service.offer_login()
    with pytest.raises(LoginRefused):
        await service.log_in(AccountKind.OPERATOR, answer, other)
    clock.move(timedelta(minutes=6))
    with pytest.raises(LoginRefused):
        await service.log_in(AccountKind.OPERATOR, device.get(options), kept)


async def test_a_cloned_passkey_and_a_stranger_are_refused(passkeys: Any) -> None:
    service, account, device = passkeys
    options, kept = await service.offer_login()
    await service.log_in(AccountKind.OPERATOR, device.get(options), kept)
    device.count = 0
    with pytest.raises(LoginRefused):
        await service.log_in(AccountKind.OPERATOR, device.get(options), kept)
    for answer in (Authenticator().get(options), {}, {"rawId": "!"}, {"rawId": _text(device.id), "response": {}}):
        with pytest.raises(LoginRefused):
            await service.log_in(AccountKind.OPERATOR, answer, kept)
    [(identifier, _)] = await service.list(account.id)
    await service.remove(account.id, identifier)
    assert await service.list(account.id) == []
