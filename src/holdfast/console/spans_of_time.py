"""How long something took, as people write it."""

from __future__ import annotations

_SECOND = 1_000_000
_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def took(time: int | float | None) -> str:
    """Microseconds as `2 h 5 min`: the two largest units; a dash for None."""
    if time is None:
        return "\N{EN DASH}"
    left = max(0, int(time // _SECOND))
    if not left:
        return "under 1 s"
    parts: list[str] = []
    for length, unit in _STEPS:
        count, rest = divmod(left, length)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
        left = rest
        if len(parts) == 2:
            break
    return " ".join(parts)
