"""The settings of one run: flags over environment over file over defaults, checked whole, with the origin of each.

This module and its `config_*` neighbours alone read files and environment; everybody else gets values. Either every
setting is sound and `load` gives the frozen record, or `ConfigError` tells *all* that is wrong at once, each with the
place it came from and what is allowed. A value that a stronger source overrides is checked all the same: it would
bite on another day. Secrets are in the record only, never in the report, the errors or any `repr`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.app import config_kinds
from holdfast.app.config_addresses import Listen
from holdfast.app.config_checks import clashes
from holdfast.app.config_kinds import Secret
from holdfast.app.config_record import Option, Settings, build, options
from holdfast.app.config_sources import (
    CONFIG_VARIABLE,
    Given,
    Problem,
    Source,
    from_environment,
    from_file,
    from_flags,
)

__all__ = ["ConfigError", "Effective", "Listen", "Loaded", "Option", "Problem", "Secret", "Settings", "load", "options"]

_LARGEST_SECRET_FILE = 4096


class ConfigError(Exception):
    """Settings that cannot be run with; `str()` is the whole report, ready for a terminal."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        count = len(self.problems)
        lines = ["1 setting is wrong" if count == 1 else f"{count} settings are wrong"]
        for each in self.problems:
            lines += ["", f"  {each.subject}: {each.reason}", f"    from:    {each.origin}"]
            lines += [f"    allowed: {each.allowed}"] if each.allowed else []
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Effective:
    """One setting as it is in force: `value` as JSON can hold it (secrets hidden), `origin` as people read it."""

    name: str
    value: object
    origin: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """Sound settings, where each came from, and remarks that stop nothing."""

    settings: Settings
    effective: tuple[Effective, ...]
    notes: tuple[str, ...]


def load(flags: Mapping[str, object], environment: Mapping[str, str], config: str | None = None) -> Loaded:
    """Read every source and give the settings.

    `flags` maps setting names to what the command line gave (None: not given), `config` is the value of `--config`.
    Raises ConfigError with everything that is wrong.
    """
    table = options()
    sources = (
        from_flags(table, flags),
        from_environment(table, environment),
        _file(table, config, environment.get(CONFIG_VARIABLE)),
    )
    problems = [problem for source in sources for problem in source.problems]
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    broken: set[str] = set()
    by_name = {each.name: each for each in table}
    for given in (each for source in reversed(sources) for each in source.given):
        try:
            values[given.name] = _read(by_name[given.name].kind, given)
        except ValueError as error:
            problems.append(_misfit(by_name[given.name], given, str(error)))
            values.pop(given.name, None)
            broken.add(given.name)
        else:
            broken.discard(given.name)
        origins[given.name] = given.origin
    settings = build(values)
    for clash in clashes(settings, frozenset(broken)):
        places = [f"{name} from {origins.get(name, 'default')}" for name in clash.names]
        problems.append(Problem(clash.names[0], "; ".join(places), clash.reason, clash.allowed))
    path, metrics = settings.admin_password_file, settings.metrics
    if path is not None and settings.admin_password is None:
        secret = _from_file(path, "admin_password_file", "password", origins["admin_password_file"], problems)
        settings = replace(settings, admin_password=secret)
    if metrics.token_file is not None and metrics.token is None:
        secret = _from_file(metrics.token_file, "metrics.token_file", "token", origins["metrics.token_file"], problems)
        settings = replace(settings, metrics=replace(metrics, token=secret))
    if problems:
        order = {name: place for place, name in enumerate(by_name)}
        raise ConfigError(tuple(sorted(problems, key=lambda each: order.get(each.subject, -1))))
    settings = replace(settings, data=settings.data.absolute())
    effective = tuple(_effective(each, settings, origins.get(each.name, "default")) for each in table)
    return Loaded(settings, effective, tuple(note for source in sources for note in source.notes))


def _file(table: tuple[Option, ...], config: str | None, variable: str | None) -> Source:
    if config:
        return from_file(table, Path(config).expanduser(), "flag --config")
    if variable:
        return from_file(table, Path(variable).expanduser(), f"environment {CONFIG_VARIABLE}")
    return Source()


def _read(kind: config_kinds.Kind, given: Given) -> object:
    value = given.value
    if kind.is_path and isinstance(value, str) and value.strip():
        # A path in a file starts from that file's directory, wherever the program was started.
        value = str(given.base / Path(value.strip()).expanduser())
    return kind.read(value)


def _misfit(option: Option, given: Given, reason: str) -> Problem:
    shown = "(hidden)" if option.secret else _shown(given.value)
    return Problem(option.name, given.origin, f"{shown} {reason}", option.kind.allowed)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 128 else text[:125] + "..."


def _from_file(path: Path, name: str, what: str, origin: str, problems: list[Problem]) -> Secret | None:
    """Read a secret (`what`: in a word): the file's one line, without its line end."""
    allowed = f"a file with the {what} on its only line"
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_SECRET_FILE + 1)
        lines = data.decode().splitlines() if len(data) <= _LARGEST_SECRET_FILE else []
        if len(lines) != 1 or not lines[0]:
            raise ValueError(f"does not hold exactly one line with a {what}")
        found = config_kinds.secret().read(lines[0])
    except OSError as error:
        problems.append(Problem(name, origin, f"{path} cannot be read: {error.strerror}", allowed))
    except UnicodeDecodeError:
        problems.append(Problem(name, origin, f"{path} is not UTF-8 text", allowed))
    except ValueError as error:
        problems.append(Problem(name, origin, f"{path} {error}", allowed))
    else:
        assert isinstance(found, Secret)
        return found
    return None


def _effective(option: Option, settings: Settings, origin: str) -> Effective:
    value: object = settings
    for part in option.name.split("."):
        value = getattr(value, part)
    if option.name == "admin_password" and settings.admin_password_file is not None:
        origin = f"file {settings.admin_password_file}"
    if option.name == "metrics.token" and settings.metrics.token_file is not None:
        origin = f"file {settings.metrics.token_file}"
    return Effective(option.name, None if value is None else option.kind.plain(value), origin)
