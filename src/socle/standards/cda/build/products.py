"""Medicines and vaccines: the ``manufacturedProduct`` of entries.

Source: CI-SIS entry FR-Produit-de-sante (43); IHE Pharmacy, Medicine Entry.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from socle.standards.cda.build.scribe import Cell
from socle.standards.cda.build.writer import cda, concept, quantity, templates
from socle.standards.cda.clinical import Ingredient, Product
from socle.standards.cda.templates import CCD, FRE, PCC, PHM
from socle.standards.cda.words import say_concept

PHARM: Final = "{urn:ihe:pharm:medication}"


def product(value: Product, cell: Cell) -> etree._Element:
    """A medicine whose name the narrative shows in ``cell``."""
    code = concept("code", value.code, anchor=cell.anchor)
    if not value.code.code and not value.code.translations:
        code = cda("code", cda("originalText", cda("reference", value=f"#{cell.anchor}")), nullFlavor="NA")
    return cda(
        "manufacturedProduct",
        templates(f"{CCD}.53", f"{PCC}.7.2", f"{FRE}.43"),
        cda(
            "manufacturedMaterial",
            templates(f"{PHM}.3.1"),
            code,
            cda("name", value.name) if value.name else cda("name", nullFlavor="NA"),
            concept(PHARM + "formCode", value.form),
            cda("lotNumberText", value.lot) if value.lot else None,
            cda(PHARM + "expirationTime", value=value.expiry.text) if value.expiry else None,
            [_ingredient(each) for each in value.ingredients],
            classCode="MMAT",
            determinerCode="KIND",
        ),
        classCode="MANU",
    )


def _ingredient(value: Ingredient) -> etree._Element:
    substance, per = value.substance, value.per
    amount = None
    if value.strength is not None:
        amount = cda(
            PHARM + "quantity",
            quantity("numerator", value.strength, xsi_type="PQ"),
            quantity("denominator", per, xsi_type="PQ") if per else cda("denominator", value="1", xsi_type="PQ"),
        )
    label = say_concept(substance)
    return cda(
        PHARM + "ingredient",
        amount,
        cda(
            PHARM + "ingredient",
            concept(PHARM + "code", substance) if substance.code else None,
            cda(PHARM + "name", label),
            classCode="MMAT",
            determinerCode="KIND",
        ),
        classCode="ACTI",
    )


def no_product() -> etree._Element:
    """The null product of an administration that another one names."""
    return cda(
        "manufacturedProduct",
        templates(f"{CCD}.53", f"{PCC}.7.2", f"{FRE}.43"),
        cda(
            "manufacturedMaterial",
            templates(f"{PHM}.3.1"),
            cda("code", nullFlavor="NA"),
            cda("name", nullFlavor="NA"),
            classCode="MMAT",
            determinerCode="KIND",
            nullFlavor="NA",
        ),
        classCode="MANU",
    )
