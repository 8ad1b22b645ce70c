"""Visible electronic seals (CEV, formerly 2D-Doc): the INS datamatrix printed on labels and documents."""

from socle.standards.ddoc.ins import InsDatamatrix, Reading, read_datamatrix, write_datamatrix
from socle.standards.ddoc.symbol import draw_png, draw_svg, scan

__all__ = ["InsDatamatrix", "Reading", "draw_png", "draw_svg", "read_datamatrix", "scan", "write_datamatrix"]
