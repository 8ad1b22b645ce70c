"""The base as a client of a provider that is not its own: another base stands for the national one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socle.platform.base import Base
from socle.services.directory.domain import Professional
from socle.services.directory.service import DirectoryService
from socle.services.identity.claims import read_userinfo, userinfo
from socle.services.identity.domain import PSC, Means
from socle.services.identity.errors import LoginRefused, OAuthError
from socle.services.identity.oidc import Door
from socle.services.identity.relying_party import Upstream
from socle.services.identity.service import IdentityService
from socle.standards.errors import MalformedInput

ISSUER = "http://127.0.0.1:8000/auth/realms/esante-wallet"


@pytest.fixture
async def vendor_base(base: Base, identity: IdentityService, tmp_path: Path) -> IdentityService:
    """Another base, without any professional, whose Pro Santé Connect is that of ``identity``."""
    elsewhere = msgspec.structs.replace(base.settings, public_url="https://region.example", data=str(tmp_path))
    own = msgspec.structs.replace(base, settings=elsewhere)
    service = IdentityService(own, EmptyDirectory(own))

    async def secret() -> str:
        return "un-secret-de-test"

    service.national = Upstream(
        own,
        PSC,
        issuer=ISSUER,
        discovery=ISSUER + "/.well-known/wallet-openid-configuration",
        client_id="lgc",
        client_secret=secret,
        own_doors=Door(identity, identity.psc).routes(),
    )
    return service


class EmptyDirectory(DirectoryService):
    """A directory that has not heard of anybody."""

    async def professional(self, id_nat: str) -> Professional | None:
        return None


async def test_a_token_of_the_national_provider_makes_an_actor_from_its_userinfo(
    vendor_base: IdentityService, vendor: Any
) -> None:
    token = (await vendor.tokens())["access_token"]
    actor = await vendor_base.verify_access_token(token, work_situation="21C")
    assert (actor.id, actor.profession, actor.structure) == ("810109876549", "21", "391987654000015")


async def test_a_token_that_the_national_provider_denies_is_refused(vendor_base: IdentityService, vendor: Any) -> None:
    tokens = await vendor.tokens()
    await vendor.post("/revoke", {"token": tokens["refresh_token"]})
    for token in (tokens["access_token"], tokens["id_token"], "x.y.z"):
        with pytest.raises(OAuthError):
            await vendor_base.verify_access_token(token)


async def test_a_provider_that_calls_itself_otherwise_is_not_used(vendor_base: IdentityService) -> None:
    assert vendor_base.national is not None
    vendor_base.national.issuer = "https://auth.esw.esante.gouv.fr/auth/realms/esante-wallet"
    with pytest.raises(Exception, match="WrongIssuer"):
        await vendor_base.national.start("/pro")


async def test_a_signed_answer_for_another_client_or_issuer_is_refused(
    vendor_base: IdentityService, identity: IdentityService
) -> None:
    assert vendor_base.national is not None
    now = int(vendor_base.base.clock().timestamp())
    good = {"iss": ISSUER, "aud": "lgc", "exp": now + 60}
    assert (await vendor_base.national.verify(await identity.keys.sign("ES256", good), "lgc"))["aud"] == "lgc"
    for wrong in ({"aud": "autre"}, {"iss": "https://evil.example"}, {"exp": now - 60}, {"exp": None}):
        with pytest.raises(LoginRefused):
            await vendor_base.national.verify(await identity.keys.sign("RS256", good | wrong), "lgc")


async def test_a_userinfo_tells_the_same_professional_again(identity: IdentityService) -> None:
    known = await identity.directory.professional("810109876549")
    assert known is not None
    told = userinfo(known, Means.CARD)
    assert userinfo(read_userinfo(told), Means.CARD) == told


_EXERCISE_CLAIMS = st.sampled_from(["codeProfession", "activities"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    told=st.dictionaries(
        st.sampled_from(["SubjectNameID", "SubjectRefPro", "family_name", "given_name", "preferred_username"]), _JSON
    )
    | st.fixed_dictionaries(
        {
            "SubjectNameID": st.just("810109876549"),
            "SubjectRefPro": st.fixed_dictionaries(
                {
                    "exercices": st.lists(
                        st.dictionaries(st.sampled_from(["codeProfession", "activities"]), _JSON), max_size=2
                    )
                }
            ),
        }
    )
)
@settings(max_examples=200)
def test_any_userinfo_is_a_professional_or_is_refused(told: dict[str, Any]) -> None:
    try:
        assert read_userinfo(told).id_nat
    except MalformedInput as error:
        assert error.code == "InvalidUserInfo"
