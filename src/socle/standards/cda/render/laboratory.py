"""Laboratory results of a section → one table that says abnormal values in words."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from socle.standards.cda.clinical import Observation
from socle.standards.cda.words import interpret, label, say_concept, say_interval, say_reference_range, say_value


def write_results(results: Sequence[Observation], title: str, language: str) -> str:
    """The table of ``results``, grouped by panel; an abnormal one is said in words, marked and set in bold."""
    with_previous = any(result.previous for result in results)
    columns = ["test", "result", "reference", "interpretation", "date"] + (["previous"] if with_previous else [])
    head = "".join(f'<th scope="col">{escape(label(column, language))}</th>' for column in columns)
    rows: list[str] = []
    panel = None
    for result in results:
        if result.panel != panel:
            panel = result.panel
            if panel is not None and (words := say_concept(panel)):
                rows.append(f'<tr><th scope="rowgroup" colspan="{len(columns)}">{escape(words)}</th></tr>')
        rows.append(_row(result, with_previous, language))
    caption = escape(f"{label('results', language)} – {title}" if title else label("results", language))
    return (
        f'<div class="cda-scroll" tabindex="0" role="group" aria-label="{caption}">'
        f'<table class="cda-results"><caption>{caption}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(result: Observation, with_previous: bool, language: str) -> str:
    abnormal, words = interpret(result, language)
    value = escape(say_value(result.value, language) or label("unknown", language))
    name = escape(result.name)
    method = escape(say_concept(result.method))
    comment = f'<div class="cda-comment">{escape(result.comment)}</div>' if result.comment else ""
    reference = " ; ".join(say_reference_range(each, language) for each in result.reference_ranges)
    cells = [
        f'<th scope="row">{name}{f" <small>{method}</small>" if method else ""}</th>',
        f"<td>{f'<strong>{value}</strong>' if abnormal else value}{comment}</td>",
        f"<td>{escape(reference)}</td>",
        f"<td>{f'<strong>{escape(words)}</strong>' if abnormal else escape(words)}</td>",
        f"<td>{escape(say_interval(result.time, language))}</td>",
    ]
    if with_previous:
        previous = "<br>".join(
            escape(f"{say_value(each.value, language)} ({say_interval(each.time, language)})")
            for each in result.previous
        )
        cells.append(f"<td>{previous}</td>")
    mark = ' class="cda-abnormal"' if abnormal else ""
    return f"<tr{mark}>{''.join(cells)}</tr>"
