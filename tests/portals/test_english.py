"""Every French sentence of the portals has its English, and the catalogue holds nothing else."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from socle.portals.citizen.health import CHAPTERS
from socle.portals.citizen.notices import CHOICES as NOTICE_CHOICES
from socle.portals.citizen.rights import CHOICES
from socle.portals.messages import FOLDER_NAMES
from socle.portals.professional.feed import LETTER_TYPES
from socle.portals.professional.record import CHAPTER_NAMES
from socle.portals.rubrics import CITIZEN_TYPES, OTHER, RUBRICS

PORTALS = Path(str(resources.files("socle.portals")))
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
OPTIONS = {"**.html": {"newstyle_gettext": "true"}}


def written() -> set[str]:
    """Sentences in templates and in calls of ``translate``, and those of the tables shown through them."""
    found = extract_from_dir(PORTALS, METHODS, OPTIONS, keywords={"_": None, "translate": (2,)})
    tables = [one.name for one in (*RUBRICS, OTHER)] + [name for _, name in (*CITIZEN_TYPES, *CHAPTERS, *LETTER_TYPES)]
    tables += [*FOLDER_NAMES.values(), *CHAPTER_NAMES.values(), "bas", "élevé", "Choisissez un type."]
    tables += [text for choice in CHOICES for text in choice[2:]]
    tables += [text for choice in NOTICE_CHOICES for text in choice[1:]]
    return {str(message) for _, _, message, _, _ in found} | set(tables)


def test_the_catalogue_holds_each_sentence_and_no_other() -> None:
    with (PORTALS / "locale" / "en" / "portals.po").open("rb") as file:
        catalogue = {str(message.id) for message in read_po(file) if message.id and message.string}
    assert catalogue == written()
