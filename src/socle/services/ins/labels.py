"""Identity labels with the INS datamatrix: SVG and PNG of the code, PDF of the whole label.

Source: identity fact sheet §1.7 (what a printed identity shows), §3.
"""

from __future__ import annotations

from html import escape
from typing import Final

from socle.services.ins.domain import Identity
from socle.standards.cda.render.pdf import write_pdf
from socle.standards.ddoc import InsDatamatrix, draw_svg, write_datamatrix
from socle.standards.errors import Conflict, Text
from socle.standards.ids.ins import OID_NIA
from socle.standards.ids.traits import Sex, to_calendar

_PAGE: Final = """<!DOCTYPE html>
<html lang="fr"><head><meta charset="utf-8"><title>Étiquette d'identité</title><style>
@page {{ size: 89mm 36mm; margin: 2mm }}
body {{ font: 8pt/1.25 sans-serif; margin: 0 }}
.code {{ float: right; width: 26mm }}
.code svg {{ width: 26mm; height: 26mm }}
b {{ font-size: 10pt }}
p {{ margin: 0 }}
</style></head><body>
<div class="code">{svg}</div>
<p><b>{name}</b></p><p>{given}</p>{used}
<p>{born} le {birth} · {sex}</p><p>Lieu de naissance (COG) : {place}</p>
<p>{nature} {matricule}</p>
</body></html>"""


def datamatrix_of(identity: Identity) -> str:
    """The message of the identity's code. Raises ``Conflict`` unless it is qualified and active."""
    ins = identity.sendable_ins
    if ins is None:
        raise Conflict(
            "IdentityNotQualified",
            Text("Seule une identité qualifiée s'imprime avec son INS.", "Only a qualified identity shows its INS."),
            remedy=Text("Qualifiez l'identité d'abord.", "Qualify the identity first."),
            requirement="RNIV 1 ; datamatrix INS",
        )
    return write_datamatrix(InsDatamatrix(ins=ins, traits=identity.traits))


def write_label(identity: Identity) -> bytes:
    """A label of 89 × 36 mm as PDF. Raises ``Conflict`` unless the identity is qualified."""
    message = datamatrix_of(identity)
    ins, traits = identity.ins, identity.traits
    assert ins is not None
    is_other = traits.used_name not in ("", traits.birth_name)
    return write_pdf(
        _PAGE.format(
            svg=draw_svg(message),
            name=escape(traits.birth_name),
            given=escape(traits.given_names),
            used=f"<p>Nom utilisé : {escape(traits.used_name)}</p>" if is_other else "",
            born="Née" if traits.sex is Sex.FEMALE else "Né",
            birth=to_calendar(traits.birth_date).strftime("%d/%m/%Y"),
            sex={"F": "Féminin", "M": "Masculin"}.get(traits.sex, "Indéterminé"),
            place=escape(traits.birth_place or "inconnu"),
            nature="INS (NIA)" if ins.oid == OID_NIA else "INS (NIR)",
            matricule=f"{ins.matricule[:13]} {ins.matricule[13:]}",
        )
    )
