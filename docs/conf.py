"""Sphinx: one site, Diátaxis."""

project = "Socle"
author = "The Socle contributors"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "Socle"
language = "en"
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing", "myst.header"]
