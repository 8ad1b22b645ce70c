"""How a command answers: in words, or under ``--json`` as JSON; refusals in words on standard error."""

from __future__ import annotations

import sys

from socle.standards.errors import SocleError, Text


def answer(value: object, sentence: str, *, json: bool) -> None:
    """Prints what was done: ``value`` for a program, ``sentence`` for a person."""
    if json:
        import msgspec

        sentence = msgspec.json.encode(value, enc_hook=str).decode()
    print(sentence)


def errors_of(error: SocleError) -> list[dict[str, str]]:
    """Every error that was told: its code, its sentence in French and English, its place.

    >>> errors_of(SocleError("Nothing", Text("Rien.", "Nothing.")))
    [{'code': 'Nothing', 'reason': 'Rien. / Nothing.', 'location': ''}]
    """
    if several := getattr(error, "errors", ()):
        return [{"code": one.code, "reason": one.context, "location": one.location} for one in several]
    french, english = error.sentence("fr"), error.sentence("en")
    reason = french if french == english else f"{french} / {english}"
    return [{"code": error.code, "reason": reason, "location": error.location}]


def tell(error: SocleError, *, as_json: bool) -> None:
    """Says ``error`` to who runs the command."""
    if as_json:
        import msgspec

        print(msgspec.json.format(msgspec.json.encode({"errors": errors_of(error)}), indent=2).decode())
        return
    several = getattr(error, "errors", ())
    for sentence, location in [(one.context.partition(" / ")[0], one.location) for one in several] or [
        (error.sentence(), error.location)
    ]:
        print(f"socle : {sentence}", file=sys.stderr)
        if location:
            print(f"        {location}", file=sys.stderr)


def unreadable(error: OSError) -> SocleError:
    """A file that cannot be read or written."""
    name = str(error.filename or "")
    return SocleError(
        "FileUnreadable",
        Text(
            f"Fichier inaccessible : {name} ({error.strerror or error}).",
            f"File out of reach: {name} ({error.strerror or error}).",
        ),
        location=name,
    )
