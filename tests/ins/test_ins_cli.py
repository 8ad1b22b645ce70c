import asyncio

import msgspec
import pytest
from msgspec.structs import replace

from socle.cli.ins import app
from socle.sandbox import cast
from socle.sandbox.populate import POPULATOR
from socle.services.ins.domain import Claim
from socle.services.ins.lots import write_claims
from socle.services.ins.rules import claim_of, qualified_identity
from socle.services.ins.service import InsService
from socle.standards.ddoc import draw_png
from socle.standards.errors import Conflict, MalformedInput, NotFound, Unavailable


def call(command: list[str], capsys) -> tuple[int, str]:
    code = app(command, result_action="return_value")
    return code, capsys.readouterr().out


@pytest.mark.parametrize(
    ("matricule", "code", "key"),
    [("2 84 07 69 383 042 58", 0, "58"), ("284076938304259", 1, "58"), ("12", 1, ""), ("192032a00411874", 0, "74")],
)
def test_check_says_whether_a_matricule_is_right_and_what_key_was_expected(matricule, code, key, capsys):
    done, printed = call(["check", matricule, "--json"], capsys)
    assert (done, msgspec.json.decode(printed)["expected_key"]) == (code, key)


def test_scan_reads_pictures_and_typed_messages(tmp_path, capsys):
    from socle.services.ins.labels import datamatrix_of

    message = datamatrix_of(qualified_identity(cast.PATIENTS[0].person))
    picture = tmp_path / "code.png"
    picture.write_bytes(draw_png(message))
    for source in (str(picture), message.replace("\x1d", "<GS>")):
        code, printed = call(["scan", source, "--json"], capsys)
        content = msgspec.json.decode(printed)["content"]
        assert (code, content["ins"]["matricule"]) == (0, cast.JEANNE.matricule)
    with pytest.raises(MalformedInput):
        app(["scan", "DC03"], result_action="return_value")


def test_scan_says_when_a_picture_has_no_code(tmp_path):
    import io

    from PIL import Image

    output = io.BytesIO()
    Image.new("L", (60, 60), 255).save(output, "PNG")
    (tmp_path / "empty.png").write_bytes(output.getvalue())
    with pytest.raises(NotFound):
        app(["scan", str(tmp_path / "empty.png")], result_action="return_value")


def test_nobody_answering_is_said_as_unavailable():
    with pytest.raises(Unavailable):
        app(
            ["search", "ADRUN", "ZOE", "--sex", "F", "--born", "1975-12-31", "--url", "http://127.0.0.1:9/insi"],
            result_action="return_value",
        )


@pytest.mark.blackbox
def test_a_vendor_searches_verifies_and_prints_against_a_live_base(running_base, tmp_path, capsys, monkeypatch):
    from socle.server.offline import open_offline

    async def enrol():
        async with open_offline(running_base.settings) as base:
            service = InsService(base)
            await service.teleservice.enrol(POPULATOR, cast.INSI_CASES)
            await service.admit(POPULATOR, cast.PATIENTS[4].person)

    asyncio.run(enrol())
    monkeypatch.setenv("SOCLE_URL", running_base.url)
    code, printed = call(["search", "TCHITCHI", "OLA", "CATARINA", "--sex", "F", "--born", "1936-06-21"], capsys)
    assert (code, printed.splitlines()[0]) == (0, "00 OK")
    nobody = ["search", "PERSONNE", "OLA", "--sex", "F", "--born", "1936-06-21"]
    assert call(nobody, capsys)[0] == 1
    robert = claim_of(qualified_identity(cast.PATIENTS[4].person))
    lot = tmp_path / "lot.csv"
    lot.write_bytes(write_claims([robert, replace(robert, id="wrong", sex="F")]))
    code, printed = call(["bulk", str(lot)], capsys)
    assert (code, printed) == (1, f"id;resultat\n{robert.id};OK\nwrong;KO\n")
    assert _verify(robert, capsys) == 0
    assert _verify(replace(robert, birth_place="75056"), capsys) == 1
    label = tmp_path / "label.svg"
    data = str(running_base.data)
    assert call(["label", robert.matricule, "-o", str(label), "--data", data], capsys)[0] == 0
    assert label.read_text().startswith("<svg")
    with pytest.raises((NotFound, Conflict)):
        app(["label", "284076938314255", "-o", str(label), "--data", data], result_action="return_value")


def _verify(claim: Claim, capsys) -> int:
    traits = ["--sex", claim.sex, "--born", claim.birth_date, "--place", claim.birth_place, "--oid", claim.oid]
    return call(["verify", claim.matricule, claim.birth_name, *claim.given_names.split(), *traits], capsys)[0]
