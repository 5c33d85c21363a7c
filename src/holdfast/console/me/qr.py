"""QR codes (ISO/IEC 18004) as a picture made on the server: one path, no script, nothing from elsewhere."""

from __future__ import annotations

import segno
from markupsafe import Markup

_QUIET = 4
"""Light modules around the code, as the standard asks for."""


def qr_code(text: str) -> Markup:
    """The picture of `text`; the same is to stand beside it as text, for whoever cannot see or scan it."""
    matrix = segno.make(text, error="m", micro=False).matrix
    side = len(matrix) + 2 * _QUIET
    path = "".join(_row(row, number + _QUIET) for number, row in enumerate(matrix))
    return Markup(
        '<svg class="qr" viewBox="0 0 {0} {0}" width="{1}" height="{1}" role="img" aria-label="QR code of the secret">'
        '<rect width="{0}" height="{0}"/><path d="{2}"/></svg>'
    ).format(side, side * 4, path)


def _row(row: bytearray | tuple[int, ...], at: int) -> str:
    """The dark runs of a row."""
    found, start = [], -1
    for place, dark in enumerate((*row, 0)):
        if dark and start < 0:
            start = place
        elif not dark and start >= 0:
            found.append(f"M{start + _QUIET} {at}h{place - start}v1h-{place - start}z")
            start = -1
    return "".join(found)
