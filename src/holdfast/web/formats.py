"""How pages write sizes, times, counts and texts of others."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup, escape

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_SECOND = 1_000_000
_EPOCH, _FAR = 1970, 9998
_MOST_STATED = 40
_STEPS = ((60, "s"), (60, "min"), (24, "h"), (30, "d"), (12, "mo"))
_ISOLATED = "\N{WHITE SQUARE}"


def moment(at: int | None, zone: str = "") -> str:
    """A time (microseconds) as people read it, in the zone or in UTC, which is named; a dash for none."""
    if at is None:
        return "\N{EN DASH}"
    when = datetime.fromtimestamp(at // _SECOND, UTC)
    if zone:
        try:
            return f"{when.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}"
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    return f"{when:%Y-%m-%d %H:%M} UTC"


def since(at: int, now: int) -> str:
    """How long ago a time was, or how soon it will be: `3 h ago`, `in 2 d`."""
    distance: float = abs(now - at) / _SECOND
    if distance < 1:
        return "now"
    text = ""
    for step, unit in _STEPS:
        text = f"{int(distance)} {unit}"
        if distance < step:
            break
        distance /= step
    else:
        text = f"{int(distance)} y"
    return f"{text} ago" if at <= now else f"in {text}"


def size(count: int | None) -> str:
    """Bytes as people read them: `1.4 GiB`; a dash for none."""
    if count is None:
        return "\N{EN DASH}"
    value = float(abs(count))
    for unit in _UNITS:
        if value < 1023.95 or unit == _UNITS[-1]:
            break
        value /= 1024
    sign = "\N{MINUS SIGN}" if count < 0 else ""
    return f"{sign}{int(value)} B" if unit == "B" else f"{sign}{value:.1f} {unit}"


def count(number: int | None) -> str:
    """A number with its thousands apart; a dash for none."""
    return "\N{EN DASH}" if number is None else f"{number:,}"


def short_digest(digest: str) -> str:
    """`sha256:4f79c1e02a7b`."""
    algorithm, _, encoded = digest.partition(":")
    return f"{algorithm}:{encoded[:12]}"


def urlpath(text: str) -> str:
    """`text` as part of the path of a URL; `/` stays."""
    return quote(text, safe="/")


def plain(text: str) -> str:
    """Text of others on one line: what cannot be seen is drawn as a box, so that nothing hides or turns around."""
    return "".join(character if character.isprintable() else _ISOLATED for character in text)


def lines(text: str) -> str:
    """Text of others on its lines: like `plain`, but for the ends of lines."""
    return "\n".join(plain(line) for line in text.splitlines())


def sentence(text: str) -> str:
    """`text` with a capital at its beginning and a full stop at its end."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def iso(at: int) -> str:
    """A time as machines read it."""
    return f"{datetime.fromtimestamp(at // _SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"


def when(at: int | None, now: int, zone: str = "") -> Markup:
    """A `<time>` with both ways of saying it: how long ago, and when; the stylesheet shows one of them."""
    if at is None:
        return Markup('<span class="none">\N{EN DASH}</span>')
    absolute, relative = escape(moment(at, zone)), escape(since(at, now))
    return Markup(
        '<time datetime="{}" title="{}"><span class="rel">{}</span><span class="abs">{}</span></time>'
    ).format(iso(at), absolute, relative, absolute)


def stated(text: str, now: int, zone: str = "") -> Markup:
    """A time that others wrote (RFC 3339), as `when` writes times; what is none stands as they wrote it."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not _EPOCH <= at.year <= _FAR:
        return Markup("<bdi>{}</bdi>").format(plain(text[:_MOST_STATED]))
    return when(int(at.timestamp()) * _SECOND, now, zone)


def size_mark(given: int | None) -> Markup:
    """A `<data>` with the size as people read it, and the bytes in its title."""
    if given is None:
        return Markup('<span class="none">\N{EN DASH}</span>')
    return Markup('<data value="{}" title="{} bytes">{}</data>').format(given, count(given), size(given))
