"""The pictures that cells draw, made light: a chart has few colours, and a palette of them is a third of the bytes."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from sphinx.application import Sphinx

_COLOURS = 64


def lightened(picture: bytes) -> bytes:
    """The PNG ``picture`` with a palette of 64 colours, or as it is where that would not be smaller."""
    image = Image.open(io.BytesIO(picture))
    if image.mode == "P":
        return picture
    packed = io.BytesIO()
    image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
    return min(packed.getvalue(), picture, key=len)


def _lighten_all(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        for picture in Path(app.outdir, "_images").glob("*.png"):
            picture.write_bytes(lightened(picture.read_bytes()))


def setup(app: Sphinx) -> None:
    app.connect("build-finished", _lighten_all)
