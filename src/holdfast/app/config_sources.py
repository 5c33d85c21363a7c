"""Where settings come from: flags, environment, one TOML file. Reads them raw, with the place each came from.

Nothing is judged here but the shape of the sources themselves: a file that cannot be read, TOML that does not parse,
a key that is no setting. Problems are collected, never raised, so that all are reported at once.
"""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from holdfast.app.config_record import ENVIRONMENT_PREFIX, Option

CONFIG_VARIABLE = ENVIRONMENT_PREFIX + "CONFIG"
_OF_VERBS = frozenset(ENVIRONMENT_PREFIX + name for name in ("TO_DATABASE", "TO_STORAGE"))
"""Variables of the command line's own that look like settings."""
_LARGEST_FILE = 2**20


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: which setting, where it came from, why, and what is allowed instead."""

    subject: str
    origin: str
    reason: str
    allowed: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """One raw value and where it came from; `base` is the directory that relative paths in it start from."""

    name: str
    value: object
    origin: str
    base: Path


@dataclass(frozen=True, slots=True)
class Source:
    """What one place said, and what was wrong with the place."""

    given: tuple[Given, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def from_flags(options: Iterable[Option], flags: Mapping[str, object]) -> Source:
    """Values by setting name as the command line gave them; None means not given."""
    here = Path.cwd()
    found = [
        Given(each.name, flags[each.name], f"flag {each.flag}", here)
        for each in options
        if flags.get(each.name) is not None
    ]
    return Source(tuple(found))


def from_environment(options: Iterable[Option], environment: Mapping[str, str]) -> Source:
    """Values of the `HOLDFAST_*` variables; an empty one counts as unset.

    A variable that is no setting is not an error (Kubernetes makes `HOLDFAST_PORT` for a service of that name), but
    one that looks like a slip of the pen is noted.
    """
    here = Path.cwd()
    names = {each.environment: each.name for each in options}
    found = [
        Given(name, environment[variable], f"environment {variable}", here)
        for variable, name in names.items()
        if environment.get(variable)
    ]
    known = [*names, CONFIG_VARIABLE]
    notes = []
    for variable in sorted(environment):
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in known and variable not in _OF_VERBS:
            close = difflib.get_close_matches(variable, known, n=1, cutoff=0.85)
            if close:
                notes.append(f"environment {variable[:128]} is not a setting (did you mean {close[0]}?)")
    return Source(tuple(found), (), tuple(notes))


def from_file(options: Iterable[Option], path: Path, named_by: str) -> Source:
    """Values of a TOML file. `named_by` says who asked for the file (`flag --config`)."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
        if len(data) > _LARGEST_FILE:
            raise ValueError("is larger than 1 MiB")
        document = tomllib.loads(data.decode())
    except OSError as error:
        reason = f"{path} cannot be read: {error.strerror}"
        return Source((), (Problem("config", named_by, reason, "a TOML file that this user can read"),))
    except ValueError as error:
        return Source((), (Problem("config", f"file {path}", f"is not TOML: {error}", "https://toml.io"),))
    except RecursionError:
        return Source((), (Problem("config", f"file {path}", "is nested too deeply", "tables one level deep"),))
    return _read_document({each.name: each for each in options}, document, path)


def _read_document(options: Mapping[str, Option], document: Mapping[str, object], path: Path) -> Source:
    groups = {name.rpartition(".")[0] for name in options} - {""}
    given: list[Given] = []
    problems: list[Problem] = []
    for name, value in _leaves(document, groups, ""):
        origin = f"file {path}, key {name[:128]}"
        option = options.get(name)
        if name in groups:
            problems.append(Problem(name, origin, f"{name} is a table of settings", f"[{name}]"))
        elif option is None:
            problems.append(Problem(name[:128], origin, "is not a setting", _suggest(name, [*options, *groups])))
        elif option.secret:
            allowed = f"environment {option.environment}, or {option.name}_file"
            problems.append(Problem(name, origin, "is a secret, which does not belong in this file", allowed))
        else:
            given.append(Given(name, value, origin, path.absolute().parent))
    return Source(tuple(given), tuple(problems))


def _leaves(table: Mapping[str, object], groups: set[str], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        name = prefix + key
        if isinstance(value, dict) and name in groups:
            yield from _leaves(value, groups, name + ".")
        else:
            yield name, value


def _suggest(name: str, known: Iterable[str]) -> str:
    ends = {each.rpartition(".")[2]: each for each in known} | {each: each for each in known}
    close = difflib.get_close_matches(name, ends, n=1, cutoff=0.6)
    return f"did you mean {ends[close[0]]}?" if close else "`holdfast config` lists every setting"
