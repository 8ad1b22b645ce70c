"""What a login has proven so far, kept between two pages in a sealed cookie of ten minutes."""

from __future__ import annotations

import base64
from typing import Final
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from socle.platform.base import Base
from socle.platform.keys import Unreadable
from socle.platform.patient_key import owner_key
from socle.services.identity.accounts import Accounts
from socle.services.identity.domain import Account
from socle.services.identity.errors import LoginRefused
from socle.services.identity.pages import clear_cookie, read_cookie, set_cookie
from socle.services.identity.sessions import Space
from socle.standards.errors import Text

_COOKIE: Final = "step"
_LIFE_S: Final = 600
_OWNER = owner_key("identity", "login-step")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A login half done: the password was right. ``secret`` is that of a second factor being enrolled.

    ``proof`` is that of the account then: once the password or the second factor is another, the step leads nowhere.
    """

    account: UUID
    proof: str
    space: Space
    back: str
    at: float
    secret: str = ""


class Steps:
    """Seals, reads and forgets steps."""

    def __init__(self, base: Base, accounts: Accounts) -> None:
        self._base = base
        self._accounts = accounts

    async def keep(
        self, response: Response, account: Account, space: Space, back: str, *, secret: str = ""
    ) -> Response:
        """``response`` with the step in a cookie."""
        now = self._base.clock().timestamp()
        step = Step(account=account.id, proof=account.proof, space=space, back=back, at=now, secret=secret)
        sealed = await self._base.objects.rings.seal(_OWNER, b"step", msgspec.json.encode(step))
        value = base64.urlsafe_b64encode(sealed).decode()
        set_cookie(response, self._base.settings, _COOKIE, value, max_age_s=_LIFE_S)
        return response

    async def read(self, request: Request) -> tuple[Step, Account]:
        """The step of this browser and its account. Raises ``LoginRefused`` (``StepExpired``)."""
        kept = read_cookie(request, self._base.settings, _COOKIE)
        try:
            opened = await self._base.objects.rings.open(_OWNER, b"step", base64.urlsafe_b64decode(kept))
            step = msgspec.json.decode(opened, type=Step)
        except (ValueError, Unreadable, msgspec.DecodeError) as error:
            raise expired_step() from error
        if not 0 <= self._base.clock().timestamp() - step.at <= _LIFE_S:
            raise expired_step()
        account = await self._accounts.find(step.account)
        if account.proof != step.proof:
            raise expired_step()
        return step, account

    def forget(self, response: Response) -> None:
        """Takes the cookie away."""
        clear_cookie(response, self._base.settings, _COOKIE)


def expired_step() -> LoginRefused:
    """The login must start again."""
    return LoginRefused(
        "StepExpired",
        Text("Cette étape a expiré.", "This step has expired."),
        remedy=Text("Recommencez la connexion.", "Start the login again."),
    )
