"""DataMatrix symbols (ECC 200): a message drawn as SVG or PNG, and found in a picture."""

from __future__ import annotations

import io
import re
from typing import Final

import zxingcpp
from PIL import Image

from socle.standards.errors import MalformedInput, Text, TooLarge

#: Largest picture file, and most pixels, that are looked at.
MAX_PICTURE_BYTES: Final = 20 * 1024 * 1024
MAX_PICTURE_PIXELS: Final = 40_000_000
_PICTURES: Final = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")
_DATAMATRIX: Final = zxingcpp.barcode_formats_from_str("DataMatrix")
_PROLOGUE = re.compile(r"\A<\?xml.*?\?>\s*<!DOCTYPE.*?>\s*", re.DOTALL)


def draw_svg(message: str, *, title: str = "Datamatrix INS") -> str:
    """The symbol as an SVG element that scales, with quiet zones and a title for those who do not see it."""
    svg = _PROLOGUE.sub("", _symbol(message).to_svg(add_quiet_zones=True))
    size = re.search(r'<svg width="(\d+)" height="(\d+)"', svg)
    assert size is not None
    head = f'<svg viewBox="0 0 {size[1]} {size[2]}" role="img" aria-label="{title}" shape-rendering="crispEdges"'
    return re.sub(r"<desc>.*?</desc>\s*", "", svg.replace(size[0], head, 1), flags=re.DOTALL)


def draw_png(message: str, *, scale: int = 8) -> bytes:
    """The symbol as PNG, ``scale`` pixels a module, with quiet zones."""
    drawn = memoryview(_symbol(message).to_image(scale=scale, add_quiet_zones=True))  # type: ignore[arg-type]
    assert drawn.shape is not None
    height, width = drawn.shape[:2]
    output = io.BytesIO()
    Image.frombytes("L", (width, height), drawn.tobytes()).save(output, "PNG", optimize=True)
    return output.getvalue()


def scan(picture: bytes) -> list[str]:
    """The messages of all DataMatrix symbols in a picture file (PNG, JPEG, TIFF, BMP, WebP, GIF), at any angle.

    Raises ``TooLarge``, or ``MalformedInput`` (``Picture``) when it is no picture.
    """
    if len(picture) > MAX_PICTURE_BYTES:
        raise _too_large()
    found = zxingcpp.read_barcodes(_flatten(picture), formats=_DATAMATRIX, text_mode=zxingcpp.TextMode.Plain)
    return [code.text for code in found]


def _flatten(picture: bytes) -> Image.Image:
    """The picture in shades of grey."""
    try:
        image = Image.open(io.BytesIO(picture), formats=_PICTURES)
    except Image.DecompressionBombError as error:
        raise _too_large() from error
    except Exception as error:
        raise _unreadable() from error
    with image:
        if image.width * image.height > MAX_PICTURE_PIXELS:
            raise _too_large()
        try:
            return image.convert("L")
        # Decoders of damaged pictures raise anything: OSError, ValueError, SyntaxError, struct.error, IndexError …
        except Exception as error:
            raise _unreadable() from error


def _too_large() -> TooLarge:
    return TooLarge("Picture", Text("L'image est trop grande.", "The picture is too large."))


def _unreadable() -> MalformedInput:
    return MalformedInput(
        "Picture", Text("Ce fichier n'est pas une image lisible.", "This file is not a readable picture.")
    )


def _symbol(message: str) -> zxingcpp.Barcode:
    return zxingcpp.create_barcode(message, zxingcpp.BarcodeFormat.DataMatrix, force_square=True)
