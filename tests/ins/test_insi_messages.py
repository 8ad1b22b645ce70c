from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from socle.services.ins import messages
from socle.services.ins.domain import Card, Claim, FormerIns, Person, ResultCode, SearchResult, TraitsQuery, Verdict
from socle.services.ins.lots import read_claims, write_claims, write_verdicts
from socle.services.ins.messages import Software
from socle.standards.errors import MalformedInput, SocleError
from socle.standards.ids.ins import OID_NIR, Ins
from socle.standards.ids.traits import Traits

names = st.from_regex(r"[A-Z]{2,8}(-[A-Z]{2,8})?", fullmatch=True)
birth_dates = st.dates(date(1900, 1, 1), date(2026, 1, 1)).map(lambda day: day.isoformat())
matricules = st.from_regex(r"[12][0-9]{14}", fullmatch=True)
inses = st.builds(Ins, matricules, st.just(OID_NIR))
persons = st.builds(
    lambda ins, former, name, given, sex, born: Person(
        ins=ins, former=tuple(former), traits=Traits.of(name, " ".join(given), sex, born, "63220")
    ),
    inses,
    st.lists(st.builds(FormerIns, inses, st.none() | st.dates(), st.none()), max_size=3),
    names,
    st.lists(names, min_size=1, max_size=3),
    st.sampled_from("MF"),
    birth_dates,
)
claims = st.builds(
    Claim,
    id=st.from_regex(r"[A-Za-z0-9-]{0,12}", fullmatch=True),
    matricule=matricules,
    oid=st.just(OID_NIR),
    birth_name=names,
    given_names=names,
    sex=st.sampled_from("MF"),
    birth_date=birth_dates,
    birth_place=st.just("63220"),
)


@given(persons)
def test_a_result_written_then_read_is_the_same(person):
    result = SearchResult(ResultCode.OK, person)
    assert messages.read_result(messages.write_result(result)) == result


@pytest.mark.parametrize("code", [ResultCode.NONE, ResultCode.SEVERAL])
def test_no_identity_comes_with_none_or_several(code):
    element = messages.write_result(SearchResult(code))
    assert element.find("{*}INDIVIDU") is None
    assert messages.read_result(element) == SearchResult(code)


@given(st.lists(names, min_size=1, max_size=4), names, birth_dates)
def test_a_query_written_then_read_is_the_same(given_names, name, born):
    query = TraitsQuery(birth_name=name, given_names=tuple(given_names), sex="F", birth_date=born)
    assert messages.read_traits_query(messages.write_traits_query(query)) == query


@given(claims)
def test_a_claim_written_then_read_is_the_same(claim):
    assert messages.read_claim(messages.write_claim(claim)) == claim


@given(st.lists(claims, min_size=1, max_size=5))
def test_a_lot_written_then_read_is_the_same(lot):
    assert read_claims(write_claims(lot)) == lot


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_file_is_a_lot_or_a_refusal(content):
    try:
        read_claims(content)
    except SocleError as refusal:
        code = refusal.code
    else:
        code = "LotFile"
    assert code == "LotFile"


def test_json_lines_are_a_lot_too_and_a_wrong_line_is_named():
    line = (
        b'{"id":"1","matricule":"284076938304258","oid":"1.2.250.1.213.1.4.8","birth_name":"A","given_names":"B",'
        b'"sex":"F","birth_date":"1984-07-17","birth_place":"69383"}'
    )
    assert len(read_claims(line + b"\n\n" + line)) == 2
    assert len(read_claims(b"[" + line + b"]")) == 1
    with pytest.raises(MalformedInput) as refusal:
        read_claims(line + b"\n{}")
    assert refusal.value.location == "line 2"
    assert write_verdicts([Verdict("1", False)]) == b"id;resultat\n1;KO\n"


def test_official_answers_are_read_whatever_prefix_and_order_they_use():
    element = etree.fromstring(
        b"""<ns2:RESULTAT xmlns:ns2="http://www.cnamts.fr/INSiResultat">
          <ns2:CR><ns2:CodeCR>00</ns2:CodeCR><ns2:LibelleCR>OK</ns2:LibelleCR></ns2:CR>
          <ns2:INDIVIDU>
            <ns2:INSACTIF><ns2:DateDeb>2009-07-14</ns2:DateDeb><ns2:IdIndividu>
              <ns2:NumIdentifiant>1090763220834</ns2:NumIdentifiant><ns2:Cle>89</ns2:Cle></ns2:IdIndividu>
              <ns2:OID>1.2.250.1.213.1.4.8</ns2:OID></ns2:INSACTIF>
            <ns2:INSHISTO><ns2:IdIndividu><ns2:NumIdentifiant>2090763220834</ns2:NumIdentifiant>
              <ns2:Cle>39</ns2:Cle></ns2:IdIndividu><ns2:OID>1.2.250.1.213.1.4.8</ns2:OID></ns2:INSHISTO>
            <ns2:TIQ><ns2:NomNaissance>ECETINSI</ns2:NomNaissance>
              <ns2:ListePrenom>PIERRE-ALAIN MURIEL FLORIANT</ns2:ListePrenom><ns2:Sexe>M</ns2:Sexe>
              <ns2:DateNaissance>2009-07-14</ns2:DateNaissance><ns2:LieuNaissance>63220</ns2:LieuNaissance></ns2:TIQ>
          </ns2:INDIVIDU></ns2:RESULTAT>"""
    )
    person = messages.read_result(element).person
    assert person.since == date(2009, 7, 14)
    assert person.former == (FormerIns(Ins("209076322083439", OID_NIR)),)
    assert person.traits.first_given_name == "PIERRE-ALAIN"


def test_an_answer_that_lacks_one_of_the_eight_values_is_not_usable():
    person = Person(ins=Ins("284076938304258", OID_NIR), traits=Traits.of("A", "B", "F", "1984-07-17", "69383"))
    for name in ("NumIdentifiant", "OID", "NomNaissance", "ListePrenom", "Sexe", "DateNaissance", "LieuNaissance"):
        element = messages.write_result(SearchResult(ResultCode.OK, person))
        found = next(element.iter(f"{{*}}{name}"))
        found.getparent().remove(found)
        if name == "NumIdentifiant":
            cle = next(element.iter("{*}Cle"))
            cle.getparent().remove(cle)
        with pytest.raises(MalformedInput):
            messages.read_result(element)


def test_the_card_of_a_child_names_the_insured_parent():
    body = etree.fromstring(
        b"""<RECVITALE xmlns="http://www.cnamts.fr/INSiRecVit">
          <MatriculeIndividu/><MatriculeOD><NumIdentifiant>2840769383042</NumIdentifiant><Cle>58</Cle></MatriculeOD>
          <DateNaissance>2019-04-12</DateNaissance><RangNaissance>1</RangNaissance></RECVITALE>"""
    )
    assert messages.read_card(body) == Card("284076938304258", "2019-04-12", 1)


@given(st.text(max_size=6))
def test_any_rank_of_birth_is_a_card_or_a_refusal(rank):
    body = etree.fromstring(
        b'<RECVITALE xmlns="http://www.cnamts.fr/INSiRecVit"><MatriculeOD><NumIdentifiant>1</NumIdentifiant>'
        b"</MatriculeOD><RangNaissance/></RECVITALE>"
    )
    try:
        body[-1].text = rank
    except ValueError:
        return
    try:
        messages.read_card(body)
    except MalformedInput as refusal:
        assert refusal.code == "CardData"


def test_contexts_carry_the_software_and_its_sender():
    software = Software(sender="1750987653", idam="AUTORISATION01", name="urn:lps:demo:1.0", version="1.0")
    bam, lps = messages.write_contexts(software, datetime(2026, 3, 2, 8, 15, tzinfo=UTC))
    assert (bam.get("Version"), lps.get("Version")) == ("01_02", "01_00")
    assert bam.findtext("{*}Temps") == "2026-03-02T08:15:00.000Z"
    assert lps.find("{*}LPS/{*}IDAM").get("R") == "4"
    assert bam.find("{*}COUVERTURE") is not None
