"""Curves as SVG made on the server, always beside the table that says the same in words and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec
from markupsafe import Markup, escape

#: Small, so that it can be read on a telephone; a wide screen enlarges it.
_WIDTH, _HEIGHT = 360, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 14, 20, 30


class Point(msgspec.Struct, frozen=True):
    """One measure: when, how much, and whether it is outside its reference range."""

    day: date
    value: float
    is_abnormal: bool = False


class Range(msgspec.Struct, frozen=True):
    """Reference range; either end may be open."""

    low: float | None = None
    high: float | None = None


def curve(title: str, unit: str, points: Sequence[Point], reference: Range | None = None) -> Markup:
    """An SVG curve of ``points`` over time, the reference range shaded. Empty for no point.

    Abnormal points are squares, the others discs: shape tells it too, not colour alone.
    """
    if not points:
        return Markup()
    ordered = sorted(points, key=lambda point: point.day)
    reference = reference or Range()
    values = [p.value for p in ordered] + [v for v in (reference.low, reference.high) if v is not None]
    bottom, top = _padded(min(values), max(values))
    first, last = ordered[0].day.toordinal(), ordered[-1].day.toordinal()

    def x(day: date) -> float:
        share = (day.toordinal() - first) / (last - first) if last > first else 0.5
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(value: float) -> float:
        share = (value - bottom) / (top - bottom)
        return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM), 1)

    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">']
    if reference != Range():
        high = y(min(reference.high if reference.high is not None else top, top))
        low = y(max(reference.low if reference.low is not None else bottom, bottom))
        width = _WIDTH - _LEFT - _RIGHT
        parts.append(f'<rect class="range" x="{_LEFT}" y="{high}" width="{width}" height="{round(low - high, 1)}"/>')
    for share in (0, 0.5, 1):
        value = bottom + share * (top - bottom)
        parts.append(f'<text x="{_LEFT - 8}" y="{round(y(value) + 4, 1)}" text-anchor="end">{_short(value)}</text>')
    axis = _HEIGHT - _BOTTOM
    parts.append(f'<path class="axis" fill="none" d="M{_LEFT} {_TOP}V{axis}H{_WIDTH - _RIGHT}"/>')
    parts.append(f'<text x="{_LEFT + 4}" y="{_TOP - 6}">{escape(unit)}</text>')
    shown = [ordered[0]] if first == last else [ordered[0], ordered[-1]]
    anchors = ["middle"] if first == last else ["start", "end"]
    for point, anchor in zip(shown, anchors, strict=True):
        label = f"{point.day:%d/%m/%Y}"
        parts.append(f'<text x="{x(point.day)}" y="{_HEIGHT - 10}" text-anchor="{anchor}">{label}</text>')
    line = " ".join(f"{x(p.day)},{y(p.value)}" for p in ordered)
    parts.append(f'<polyline class="curve" points="{line}"/>')
    for p in ordered:
        if p.is_abnormal:
            parts.append(f'<rect class="point abnormal" x="{x(p.day) - 4}" y="{y(p.value) - 4}" width="8" height="8"/>')
        else:
            parts.append(f'<circle class="point" cx="{x(p.day)}" cy="{y(p.value)}" r="4"/>')
    parts.append("</svg>")
    return Markup("".join(parts))  # noqa: S704


def _padded(low: float, high: float) -> tuple[float, float]:
    margin = (high - low) * 0.1 or abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _short(value: float) -> str:
    return f"{value:.3g}".replace(".", ",")
