"""How values are said to people: dates, quantities, interpretations, labels, in French and English."""

from __future__ import annotations

import re
from typing import Final

from socle.standards.cda.clinical import Dosage, Frequency, Medication, Observation, ReferenceRange, Value
from socle.standards.cda.datatypes import (
    Address,
    Concept,
    Interval,
    Moment,
    PersonName,
    Quantity,
    QuantityRange,
    Telecom,
)

#: Words of the page: key → (French, English).
LABELS: Final[dict[str, tuple[str, str]]] = {
    "patient": ("Patient", "Patient"),
    "birth_name": ("Nom de naissance", "Birth name"),
    "used_name": ("Nom utilisé", "Name in use"),
    "birth_given": ("Prénoms de naissance", "Given names at birth"),
    "used_given": ("Prénom utilisé", "Given name in use"),
    "birth_date": ("Date de naissance", "Date of birth"),
    "birth_place": ("Lieu de naissance", "Place of birth"),
    "sex": ("Sexe", "Sex"),
    "ins": ("Matricule INS", "INS number"),
    "local_id": ("Identifiant local", "Local identifier"),
    "address": ("Adresse", "Address"),
    "telecom": ("Contact", "Contact"),
    "document": ("Document", "Document"),
    "kind": ("Type", "Type"),
    "created": ("Créé le", "Created"),
    "version": ("Version", "Version"),
    "replaces": ("Remplace", "Replaces"),
    "confidentiality": ("Confidentialité", "Confidentiality"),
    "author": ("Auteur", "Author"),
    "legal_authenticator": ("Responsable du document", "Legally responsible"),
    "authenticator": ("Validé par", "Validated by"),
    "custodian": ("Conservé par", "Kept by"),
    "recipient": ("Destinataire", "Recipient"),
    "event": ("Acte", "Act"),
    "performer": ("Réalisé par", "Performed by"),
    "encounter": ("Prise en charge", "Encounter"),
    "place": ("Lieu", "Place"),
    "attending": ("Médecin traitant", "Regular doctor"),
    "participant": ("Participant", "Participant"),
    "informant": ("Personne à contacter", "Contact person"),
    "trusted": ("Personne de confiance", "Trusted person"),
    "guardian": ("Représentant légal", "Legal representative"),
    "header": ("En-tête du document", "Document header"),
    "details": ("Autres informations de l'en-tête", "More header information"),
    "content": ("Contenu du document", "Document content"),
    "attachment": ("Pièce jointe", "Attachment"),
    "open": ("Ouvrir", "Open"),
    "no-viewer": (
        "Ce navigateur ne montre pas les PDF dans la page : ouvrez le fichier par le lien.",
        "This browser shows no PDF in a page: open the file by the link.",
    ),
    "download": ("Télécharger", "Download"),
    "image": ("Image du document", "Document image"),
    "table": ("Tableau", "Table"),
    "note": ("Note", "Note"),
    "results": ("Résultats d'examens", "Test results"),
    "test": ("Examen", "Test"),
    "result": ("Résultat", "Result"),
    "reference": ("Valeurs de référence", "Reference values"),
    "interpretation": ("Interprétation", "Interpretation"),
    "date": ("Date", "Date"),
    "previous": ("Antériorité", "Previous result"),
    "original": ("Texte du compte rendu, tel qu'il a été rédigé", "Text of the report, as written"),
    "comment": ("Commentaire", "Comment"),
    "unsafe": (
        "Ce document contient des éléments qui ne sont pas admis ; leur texte est montré sans mise en forme : ",
        "This document has elements that are not allowed; their text is shown without formatting: ",
    ),
    "no_body": ("Ce document n'a pas de contenu lisible.", "This document has no readable content."),
    "unreadable": ("Le fichier embarqué n'est pas lisible.", "The embedded file cannot be read."),
    "untitled": ("Document sans titre", "Untitled document"),
    "section": ("Section", "Section"),
    "from": ("du", "from"),
    "to": ("au", "to"),
    "unknown": ("Non renseigné", "Not stated"),
    "computed": ("d'après les valeurs de référence", "from the reference values"),
    "M": ("Masculin", "Male"),
    "F": ("Féminin", "Female"),
    "UN": ("Indéterminé", "Undetermined"),
    "true": ("Oui", "Yes"),
    "false": ("Non", "No"),
}

#: HL7 ObservationInterpretation → words; the boolean says whether it is abnormal.
_INTERPRETATIONS: Final[dict[str, tuple[bool, str, str]]] = {
    "N": (False, "Normal", "Normal"),
    "H": (True, "Élevé", "High"),
    "HH": (True, "Très élevé, critique", "Critically high"),
    "HU": (True, "Très élevé", "Very high"),
    "HX": (True, "Au-dessus du seuil", "Above high threshold"),
    ">": (True, "Au-dessus de l'échelle de mesure", "Above measurement scale"),
    "L": (True, "Bas", "Low"),
    "LL": (True, "Très bas, critique", "Critically low"),
    "LU": (True, "Très bas", "Very low"),
    "LX": (True, "Au-dessous du seuil", "Below low threshold"),
    "<": (True, "Au-dessous de l'échelle de mesure", "Below measurement scale"),
    "A": (True, "Anormal", "Abnormal"),
    "AA": (True, "Anormal, critique", "Critically abnormal"),
    "POS": (True, "Positif", "Positive"),
    "DET": (True, "Détecté", "Detected"),
    "NEG": (False, "Négatif", "Negative"),
    "ND": (False, "Non détecté", "Not detected"),
    "IND": (True, "Indéterminé", "Indeterminate"),
    "S": (False, "Sensible", "Susceptible"),
    "SDD": (True, "Sensible à posologie adaptée", "Susceptible, dose dependent"),
    "I": (True, "Intermédiaire", "Intermediate"),
    "R": (True, "Résistant", "Resistant"),
    "B": (False, "Meilleur qu'avant", "Better"),
    "W": (True, "Moins bon qu'avant", "Worse"),
    "U": (True, "En hausse significative", "Significant change up"),
    "D": (True, "En baisse significative", "Significant change down"),
}

#: HL7 TimingEvent → (French, English).
_EVENTS: Final[dict[str, tuple[str, str]]] = {
    "AC": ("avant les repas", "before meals"),
    "ACM": ("avant le petit-déjeuner", "before breakfast"),
    "ACD": ("avant le déjeuner", "before lunch"),
    "ACV": ("avant le dîner", "before dinner"),
    "C": ("pendant les repas", "with meals"),
    "CM": ("au petit-déjeuner", "with breakfast"),
    "CD": ("au déjeuner", "with lunch"),
    "CV": ("au dîner", "with dinner"),
    "PC": ("après les repas", "after meals"),
    "PCM": ("après le petit-déjeuner", "after breakfast"),
    "PCD": ("après le déjeuner", "after lunch"),
    "PCV": ("après le dîner", "after dinner"),
    "HS": ("au coucher", "at bedtime"),
    "WAKE": ("au réveil", "on waking"),
}

#: Titles of JDV_J246.
_TITLES: Final = {
    "DR": "Dr",
    "PR": "Pr",
    "MC": "médecin-chef",
    "MG": "médecin général",
    "PC": "pharmacien-chef",
    "PG": "pharmacien général",
}

_TS = re.compile(r"(\d{4})(\d{2})?(\d{2})?(?:(\d{2})(\d{2})?)?")
_ANNOTATION = re.compile(r"\{([^}]*)\}")
_POWER = re.compile(r"10\*(-?\d+)")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_UNITS: Final = {
    "mm[Hg]": "mmHg",
    "Cel": "°C",
    "[degF]": "°F",
    "ug": "µg",
    "um": "µm",
    "uL": "µL",
    "um3": "µm³",
    "h": "h",
    "a": "an",
    "mo": "mois",
    "wk": "semaine",
    "d": "jour",
    "{tablet}": "comprimé",
    "{Tablet}": "comprimé",
    "{tbl}": "comprimé",
    "30009000": "boîte",
    "30067000": "récipient",
}


def label(key: str, language: str) -> str:
    """A word of the page."""
    return LABELS[key][language == "en"]


def say_moment(moment: Moment | None) -> str:
    """A time as written by its author, to its precision: ``05/04/2024 à 10:30``, ``06/2019``, ``1975``.

    >>> say_moment(Moment("20240405103000+0200")), say_moment(Moment("201906"))
    ('05/04/2024 10:30', '06/2019')
    """
    if moment is None:
        return ""
    match = _TS.match(moment.text)
    if match is None:
        return moment.text
    year, month, day, hour, minute = match.groups()
    date = "/".join(part for part in (day, month, year) if part)
    return date if hour is None or day is None else f"{date} {hour}:{minute or '00'}"


def iso_of(moment: Moment) -> str:
    """The ``datetime`` attribute of HTML for a moment, empty when it has none."""
    match = re.match(r"(\d{4})(\d{2})?(\d{2})?(?:(\d{2})(\d{2}))?", moment.text)
    if match is None:
        return ""
    year, month, day, hour, minute = match.groups()
    date = "-".join(part for part in (year, month, day) if part)
    return date if hour is None or day is None else f"{date}T{hour}:{minute}"


def say_interval(interval: Interval | None, language: str) -> str:
    """``du … au …``, a single date, or a duration."""
    if interval is None:
        return ""
    if interval.value is not None:
        return say_moment(interval.value)
    low, high = say_moment(interval.low), say_moment(interval.high)
    if low and high and low != high:
        return f"{label('from', language)} {low} {label('to', language)} {high}"
    if not low and not high and interval.width is not None:
        return say_quantity(interval.width, language)
    return low or high


def say_unit(unit: str) -> str:
    """A UCUM unit as a laboratory prints it.

    >>> say_unit("10*9/L"), say_unit("m[IU]/L"), say_unit("mm[Hg]"), say_unit("{tablet}")
    ('10⁹/L', 'mUI/L', 'mmHg', 'comprimé')
    """
    if unit in _UNITS:
        return _UNITS[unit]
    text = _POWER.sub(lambda match: "10" + match[1].translate(_SUPERSCRIPTS), unit)
    text = text.replace("[IU]", "UI").replace("mm[Hg]", "mmHg").replace("ug", "µg").replace("um3", "µm³")
    return _ANNOTATION.sub(lambda match: match[1], text) if text.startswith("{") else _ANNOTATION.sub("", text)


def say_quantity(quantity: Quantity | None, language: str) -> str:
    """A number with the decimal mark of the language, and its unit."""
    if quantity is None:
        return ""
    value = quantity.value if language == "en" else quantity.value.replace(".", ",")
    unit = "" if quantity.unit == "1" else say_unit(quantity.unit)
    return f"{value} {unit}".strip()


def say_range(bounds: QuantityRange | None, language: str) -> str:
    """``4,1 – 6,1 mmol/L``, ``≤ 5 g/L``, ``≥ 0,9 g/L``."""
    if bounds is None:
        return ""
    low, high = bounds.low, bounds.high
    if low is not None and high is not None:
        if low == high:
            return say_quantity(low, language)
        if low.unit == high.unit:
            low = Quantity(low.value)
        return f"{say_quantity(low, language)} – {say_quantity(high, language)}"
    return f"≥ {say_quantity(low, language)}" if low is not None else f"≤ {say_quantity(high, language)}"


def say_value(value: Value | None, language: str) -> str:
    """What an observation found."""
    match value:
        case None:
            return ""
        case bool():
            return label("true" if value else "false", language)
        case Quantity():
            return say_quantity(value, language)
        case QuantityRange():
            return say_range(value, language)
        case Concept():
            return say_concept(value)
        case Moment():
            return say_moment(value)
        case _:
            return str(value)


def say_concept(concept: Concept | None) -> str:
    """The words of a concept: its label, else what the author wrote, else its code."""
    return "" if concept is None else concept.label or concept.original_text or concept.code


def say_reference_range(reference: ReferenceRange, language: str) -> str:
    """Bounds, or the author's words."""
    return say_range(reference.bounds, language) or reference.text


def interpret(observation: Observation, language: str) -> tuple[bool, str]:
    """Whether a result is abnormal, and the word for it; from its bounds when the laboratory does not say."""
    code = observation.interpretation
    if code is not None and code.code in _INTERPRETATIONS:
        abnormal, french, english = _INTERPRETATIONS[code.code]
        return abnormal, english if language == "en" else french
    if code is not None and (words := say_concept(code)):
        return False, words
    side = _side_of_range(observation)
    if not side:
        return False, ""
    _, french, english = _INTERPRETATIONS[side]
    return True, f"{english if language == 'en' else french} ({label('computed', language)})"


def _side_of_range(observation: Observation) -> str:
    if not isinstance(observation.value, Quantity) or len(observation.reference_ranges) != 1:
        return ""
    bounds = observation.reference_ranges[0].bounds
    number = observation.value.number()
    if bounds is None or number is None:
        return ""
    for bound, side in ((bounds.low, "L"), (bounds.high, "H")):
        limit = bound.number() if bound is not None and bound.unit == observation.value.unit else None
        if limit is not None and (number < limit if side == "L" else number > limit):
            return side
    return ""


def say_person(name: PersonName) -> str:
    """Civility, title, given and family name."""
    prefix = {"M": "M.", "MME": "Mme"}.get(name.prefix, name.prefix)
    suffix = _TITLES.get(name.suffix, name.suffix)
    return " ".join(part for part in (prefix, suffix, name.given, name.family) if part)


def say_address(address: Address) -> str:
    """One line."""
    street = " ".join(
        text
        for key in ("houseNumber", "houseNumberNumeric", "streetNameType", "streetName")
        if (text := address.part(key))
    )
    town = " ".join(text for key in ("postalCode", "city") if (text := address.part(key)))
    extra = [text for key in ("additionalLocator", "unitID", "postBox", "precinct") if (text := address.part(key))]
    return ", ".join(part for part in (*address.lines, street, *extra, town, address.part("country")) if part)


def say_telecom(telecom: Telecom) -> str:
    """The number or address without its scheme."""
    scheme, _, rest = telecom.value.partition(":")
    return rest if scheme.lower() in ("tel", "mailto", "fax") else telecom.value


def say_posology(medication: Medication, language: str) -> str:
    """The steps of a posology: dose, frequency, duration, maximum, condition.

    >>> from socle.standards.cda.clinical import Dosage, Frequency, Product
    >>> step = Dosage(dose=QuantityRange(Quantity("1", "{tablet}"), Quantity("1", "{tablet}")),
    ...               frequencies=(Frequency(period=Quantity("8", "h")),))
    >>> say_posology(Medication(product=Product(), steps=(step,)), "fr")
    '1 comprimé, toutes les 8 h'
    """
    return " ; ".join(text for step in medication.steps if (text := _say_step(step, language)))


def _say_step(step: Dosage, language: str) -> str:
    parts = [say_range(step.dose, language)]
    parts.extend(_say_frequency(frequency, language) for frequency in step.frequencies)
    parts.append(say_range(step.rate, language))
    parts.append(say_interval(step.period, language))
    for maximum in step.maximum:
        below = f" / {say_quantity(maximum.denominator, language).removeprefix('1 ')}" if maximum.denominator else ""
        parts.append(f"max. {say_quantity(maximum.numerator, language)}{below}")
    parts.append(step.condition)
    return ", ".join(part for part in parts if part) or step.text


def _say_frequency(frequency: Frequency, language: str) -> str:
    during = f" {say_interval(frequency.during, language)}" if frequency.during else ""
    if frequency.event:
        french, english = _EVENTS.get(frequency.event, (frequency.event, frequency.event))
        return (english if language == "en" else french) + during
    if frequency.period is None:
        return during.strip()
    period = frequency.period
    if (period.value, period.unit) == ("1", "d"):
        return ("once a day" if language == "en" else "1 fois par jour") + during
    every = "every" if language == "en" else "toutes les" if period.unit in ("h", "min", "s", "wk") else "tous les"
    return f"{every} {say_quantity(period, language)}{during}"
