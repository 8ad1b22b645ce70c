"""Small documents and a small kit for conformance tests. All persons are fictitious."""

from __future__ import annotations

from pathlib import Path

MINIMAL = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <realmCode code="FR"/>
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <templateId root="2.16.840.1.113883.2.8.2.1"/>
  <templateId root="1.2.250.1.213.1.1.1.1"/>
  <templateId root="1.2.250.1.213.1.1.1.29" extension="2022.01"/>
  <id root="1.2.250.1.999.1"/>
  <code code="11490-0" codeSystem="2.16.840.1.113883.6.1" displayName="Lettre de liaison"/>
  <title>Lettre de liaison</title>
  <effectiveTime value="20240405101500+0200"/>
  <component><structuredBody><component><section>
    <templateId root="1.3.6.1.4.1.19376.1.5.3.1.3.1"/>
    <code code="42349-1" codeSystem="2.16.840.1.113883.6.1"/>
    <title>Motif</title><text>Texte</text>
  </section></component></structuredBody></component>
</ClinicalDocument>
"""

_HEAD = '<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2"'
_NS = '<ns prefix="cda" uri="urn:hl7-org:v3"/><ns prefix="svs" uri="urn:ihe:iti:svs:2008"/>'


def write_kit(root: Path) -> Path:
    """A kit of two layers and one document type, with the faults that real kits have."""
    rules = root / "schematrons"
    (rules / "profils").mkdir(parents=True)
    (rules / "include").mkdir()
    (root / "jeuxDeValeurs").mkdir()
    (rules / "profils" / "IHE.sch").write_text(
        f'{_HEAD} defaultPhase="ihe"><title>IHE</title>{_NS}'
        '<include href="../include/s_reason.SCH"/><include href="../include/absent.sch"/>'
        '<phase id="ihe"><active pattern="S_reason"/><active pattern="S_gone"/></phase></schema>'
    )
    (rules / "include" / "S_reason.sch").write_text(
        '<pattern xmlns="http://purl.oclc.org/dsdl/schematron" id="S_reason">'
        "<rule context=\"*[cda:templateId/@root='1.3.6.1.4.1.19376.1.5.3.1.3.1']\">"
        '<assert test="cda:code[@code=\'42349-1\']">Le code <value-of select="cda:code/@code"/> est faux.</assert>'
        "</rule></pattern>"
    )
    (rules / "CI-SIS_LDL-SES_2022.01.sch").write_text(
        f"{_HEAD}><title>LDL-SES</title>{_NS}"
        '<pattern id="abstraite" abstract="true"><rule context="$xpath_elt">'
        '<let name="c" value="@code"/>'
        '<assert role="warning" test="document($path)//svs:Concept[@code=$c]">hors du jeu</assert></rule></pattern>'
        '<pattern id="sets"><let name="jdv" value="\'../jeuxDeValeurs/JDV_Types.xml\'"/>'
        '<let name="perdu" value="\'../jeuxDeValeurs/JDV_Perdu.xml\'"/></pattern>'
        '<pattern id="code" is-a="abstraite"><param name="path" value="$jdv"/>'
        '<param name="xpath_elt" value="/cda:ClinicalDocument/cda:code"/></pattern>'
        '<pattern id="perdu" is-a="abstraite"><param name="path" value="$perdu"/>'
        '<param name="xpath_elt" value="cda:section/cda:never"/></pattern>'
        '<pattern id="entete">'
        '<rule context="cda:ClinicalDocument"><report test="not(cda:setId)">sans setId</report></rule>'
        '<rule context="cda:ClinicalDocument"><assert test="false()">jamais</assert></rule></pattern></schema>'
    )
    (root / "jeuxDeValeurs" / "JDV_Types.xml").write_text(
        '<RetrieveValueSetResponse xmlns="urn:ihe:iti:svs:2008"><ValueSet id="1.2.3"><ConceptList>'
        '<Concept code="11490-0" codeSystem="2.16.840.1.113883.6.1"/></ConceptList></ValueSet>'
        "</RetrieveValueSetResponse>"
    )
    return root
