"""What pages load from here: one stylesheet, under an address that changes with it, so that browsers keep it."""

from __future__ import annotations

import hashlib
from importlib.resources import files


class Style:
    """The stylesheet. `path`: where it is served."""

    def __init__(self) -> None:
        self.body = (files("holdfast.web") / "assets" / "holdfast.css").read_bytes()
        self.path = f"/assets/holdfast-{hashlib.sha256(self.body).hexdigest()[:12]}.css"
