import subprocess
import sys
import tempfile

import msgspec
import pytest
from msgspec.structs import replace

from socle.app import create_services
from socle.platform.patient_key import patient_key
from socle.sandbox import cast
from socle.sandbox.populate import POPULATOR, populate
from socle.services.dmp.domain import RecordState
from socle.services.ins.domain import ResultCode, TraitsQuery
from socle.standards.errors import Forbidden
from socle.standards.ids.status import IdentityStatus


async def test_a_population_loads_into_the_services_and_loading_it_again_adds_nobody(base):
    services = create_services(base)
    ins, directory = services.ins, services.directory
    people = (base, ins, directory, services.identity, services.dmp)
    steps = []
    first = await populate(*people, patients=600, seed=4, progress=lambda *step: steps.append(step))
    assert (first.patients, first.new_patients) == (600, 600)
    assert steps[-1] == ("open", 600, 600)
    again = await populate(*people, patients=600, seed=4, progress=lambda *step: None)
    assert (again.new_patients, again.professionals) == (0, first.professionals)
    async with base.database.transaction() as connection:
        jeanne = await ins.find(connection, cast.JEANNE)
        assert await connection.fetchval("SELECT count(*) FROM ins_identity") == 600
    assert (jeanne.status, jeanne.traits.used_name) == (IdentityStatus.QUALIFIED, "MOREL")
    assert jeanne.key == patient_key(cast.JEANNE)
    doctor = await directory.professional(cast.GENERAL_PRACTITIONER)
    assert [a.structure.name for a in doctor.exercises[0].activities] == [
        "CABINET DU DR MARCHAND",
        "HOPITAL DES EXEMPLES",
    ]
    assert (await services.dmp.record_status(POPULATOR, cast.JEANNE)).state is RecordState.ACTIVE
    assert (await services.identity.personas.search("D'ARCY"))[0].ins == cast.JEANNE
    query = TraitsQuery(birth_name="ADRUN", given_names=("ZOE",), sex="F", birth_date="1975-12-31")
    assert (await ins.insi.search_by_traits(POPULATOR, query)).code is ResultCode.OK


async def test_production_has_no_fictitious_people(base):
    production = msgspec.structs.replace(base, settings=replace(base.settings, environment="production"))
    services = create_services(base)
    with pytest.raises(Forbidden):
        await populate(
            production,
            services.ins,
            services.directory,
            services.identity,
            services.dmp,
            patients=1,
            seed=1,
            progress=lambda *step: None,
        )


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_command_fills_a_data_directory_that_nothing_runs_on():
    with tempfile.TemporaryDirectory(prefix="socle-") as data:
        command = [sys.executable, "-m", "socle.cli", "sandbox", "populate", "--patients", "50", "--seed", "2"]
        for expected in (50, 0):
            ended = subprocess.run([*command, "--json", "--data", data], capture_output=True, timeout=180, check=False)
            assert ended.returncode == 0, ended.stderr.decode()
            printed = msgspec.json.decode(ended.stdout)
            assert (printed["patients"], printed["new_patients"]) == (50, expected)
