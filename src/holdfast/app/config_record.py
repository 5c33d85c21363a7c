"""Every setting of the program, once: its name, type, default, what is allowed and what it is for.

The records are what the rest of `app` reads; the annotation of each field is what the loader, the command line, the
environment, the TOML file and `holdfast config` are made from, so that no name or default is written twice.
`Settings()` is the program's defaults and touches nothing.

A field `b` of the group `a` is `a.b` in a file, `HOLDFAST_A_B` in the environment and `--a-b` on the command line;
a field with a short name has that on the command line and in the environment (`database.url` is `--database`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, get_args

from holdfast.access.requirement import Required
from holdfast.app import config_addresses as addresses
from holdfast.app import config_kinds as kinds
from holdfast.app import config_stores as stores
from holdfast.app.config_addresses import Listen, Network
from holdfast.app.config_kinds import Kind, Secret

ENVIRONMENT_PREFIX = "HOLDFAST_"


@dataclass(frozen=True, slots=True)
class Option:
    """One setting as its user meets it. `default` is the typed value; `secret` ones come from the environment only."""

    name: str
    kind: Kind
    help: str
    default: object = None
    secret: bool = False
    short: str | None = None

    @property
    def environment(self) -> str:
        """The name of its environment variable."""
        return ENVIRONMENT_PREFIX + (self.short or self.name).upper().replace(".", "_")

    @property
    def flag(self) -> str:
        """Its flag on the command line."""
        return "--" + (self.short or self.name).replace(".", "-").replace("_", "-")


@dataclass(frozen=True, slots=True)
class About:
    """What a field's type does not say: the kind of value that is read into it, and its purpose in one line.

    `short`: what its flag and variable are made from, where that is not the whole name."""

    kind: Kind
    purpose: str
    secret: bool = False
    short: str | None = None


_DURATION = kinds.duration()
_HERE = Listen("127.0.0.1", 5000)


@dataclass(frozen=True, slots=True)
class Database:
    """The database of several nodes. Without a URL it is a file in the data directory."""

    url: Annotated[
        Secret | None,
        About(stores.database_url(), "PostgreSQL instead of a file in the data directory.", short="database"),
    ] = None
    pool: Annotated[int, About(kinds.number(2, 1000), "Connections to PostgreSQL, per process.")] = 10
    statement_timeout: Annotated[
        timedelta,
        About(kinds.duration(timedelta(seconds=1), timedelta(hours=1)), "The longest that one statement may take."),
    ] = timedelta(seconds=5)
    prepared: Annotated[
        bool, About(kinds.flag(), "Keep prepared statements; off behind PgBouncer in transaction mode.")
    ] = True


@dataclass(frozen=True, slots=True)
class Storage:
    """Where objects are kept, room on the disk, and what is kept inside the database (both in bytes)."""

    url: Annotated[
        str | None,
        About(stores.storage_url(), "A bucket instead of files in the data directory.", short="storage"),
    ] = None
    public_endpoint: Annotated[
        str | None, About(addresses.origin_url(), "The bucket's address for clients, when they see another one.")
    ] = None
    redirect: Annotated[
        str,
        About(kinds.choice("auto", "on", "off"), "Send pulls of large blobs to the bucket; auto: when it answers."),
    ] = "auto"
    redirect_above: Annotated[int, About(kinds.size(), "Blobs from this size on are redirected.")] = 2**20
    redirect_not_for: Annotated[
        tuple[Network, ...], About(addresses.networks(), "Clients that cannot reach the bucket: they get a stream.")
    ] = ()
    accel: Annotated[
        str | None, About(stores.location(), "Where nginx has the files of large blobs, to send them by itself.")
    ] = None
    reserve: Annotated[int, About(kinds.size(), "Free space below which uploads are answered 507.")] = 512 * 2**20
    inline: Annotated[int, About(kinds.size(2**20), "Blobs up to this size are kept in the database.")] = 16 * 2**10


@dataclass(frozen=True, slots=True)
class Encryption:
    """The master key, which opens every other key, and whether content is encrypted."""

    key_file: Annotated[
        Path | None,
        About(kinds.readable_file(), "The master key, the same on all nodes; content is encrypted when it is given."),
    ] = None
    key: Annotated[Secret | None, About(kinds.secret(), "The master key itself, instead of a file.", secret=True)] = (
        None
    )
    content: Annotated[
        str, About(kinds.choice("auto", "on", "off"), "Encrypt content; auto: when a key is given by setting.")
    ] = "auto"
    vault_url: Annotated[
        str | None, About(addresses.origin_url(), "A Vault whose transit engine holds the master key.")
    ] = None
    vault_key: Annotated[str, About(stores.word(), "The name of the transit key in Vault.")] = "holdfast"
    vault_token_file: Annotated[Path | None, About(kinds.readable_file(), "The token that Vault is asked with.")] = None
    vault_token: Annotated[
        Secret | None, About(kinds.secret(), "The token itself, instead of a file.", secret=True)
    ] = None


@dataclass(frozen=True, slots=True)
class Jobs:
    """Durable background work."""

    embedded: Annotated[bool, About(kinds.flag(), "Run a job worker inside `serve`.", short="jobs")] = True
    slots: Annotated[int, About(kinds.number(1, 100), "Jobs that a worker runs at once.")] = 4
    lease: Annotated[
        timedelta,
        About(
            kinds.duration(timedelta(seconds=5), timedelta(hours=1)),
            "When another worker takes the jobs of one that gives no sign of life.",
        ),
    ] = timedelta(seconds=30)
    history: Annotated[timedelta, About(_DURATION, "How long ended jobs are kept.")] = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Collect:
    """When the bytes of unreachable content go."""

    grace: Annotated[timedelta, About(_DURATION, "How long a file outlives the last thing that refers to it.")] = (
        timedelta(hours=1)
    )


@dataclass(frozen=True, slots=True)
class Scrub:
    """How stored content is read again, to find damage before it is needed."""

    rate: Annotated[int, About(kinds.size(), "Bytes a second that the scrub reads at most; 0: it reads nothing.")] = (
        4 << 20
    )


@dataclass(frozen=True, slots=True)
class Uploads:
    """Bounds on unfinished uploads."""

    expire: Annotated[
        timedelta, About(kinds.duration(timedelta(minutes=1)), "An upload that nobody touched for so long is dropped.")
    ] = timedelta(days=1)
    sessions: Annotated[
        int, About(kinds.number(1, 1_000_000), "Open uploads per user or robot; more are answered 429.")
    ] = 1000
    streams: Annotated[int, About(kinds.number(1, 100_000), "Uploads that may send bytes at once, per worker.")] = 256
    idle: Annotated[
        timedelta,
        About(
            kinds.duration(timedelta(seconds=1), timedelta(hours=1)),
            "A request body that sends nothing for so long is cut.",
        ),
    ] = timedelta(seconds=60)
    chunk_min: Annotated[int, About(kinds.size(2**30), "The chunk size that clients are asked not to go below.")] = (
        2**20
    )


@dataclass(frozen=True, slots=True)
class Manifests:
    """What a manifest may leave out."""

    sparse_indexes: Annotated[bool, About(kinds.flag(), "Accept an index whose manifests are not all here.")] = False


@dataclass(frozen=True, slots=True)
class Pages:
    """Bounds on lists."""

    max: Annotated[int, About(kinds.number(1, 100_000), "The most entries of a page of tags or of the catalog.")] = (
        10_000
    )


@dataclass(frozen=True, slots=True)
class Outbound:
    """Requests to addresses that somebody stored: issuers of tokens, sign-in providers, targets of webhooks."""

    allow: Annotated[
        tuple[Network, ...],
        About(addresses.networks(), "Networks that may be asked although they are not the public internet."),
    ] = ()
    targets: Annotated[
        tuple[Network, ...],
        About(
            addresses.networks(),
            "Networks that events may be sent to although they are not the public internet.",
            short="allow_private_targets",
        ),
    ] = ()
    ca_file: Annotated[
        Path | None, About(kinds.readable_file(), "Certificates to trust beside the system's, of those who are asked.")
    ] = None


@dataclass(frozen=True, slots=True)
class Federation:
    """The tokens of machines."""

    token_life: Annotated[
        timedelta,
        About(
            kinds.duration(timedelta(minutes=1), timedelta(days=31)),
            "The longest that a machine's own token may live in all.",
        ),
    ] = timedelta(days=1)
    keys_stale: Annotated[
        timedelta,
        About(
            kinds.duration(timedelta(minutes=1), timedelta(days=31)),
            "How long the keys of an issuer that does not answer go on counting.",
        ),
    ] = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Login:
    """Failed log-ins, which slow down whoever makes them, and the rotation of keys."""

    failures: Annotated[
        int, About(kinds.number(1, 1000), "Wrong passwords for an account from a network before the first delay.")
    ] = 3
    accounts: Annotated[
        int, About(kinds.number(1, 1000), "Accounts that an address may fail for before it is slowed for all.")
    ] = 10
    delay_max: Annotated[
        timedelta,
        About(kinds.duration(timedelta(seconds=1), timedelta(hours=1)), "The longest delay; failures double it."),
    ] = timedelta(minutes=5)
    forget: Annotated[
        timedelta,
        About(kinds.duration(timedelta(minutes=1), timedelta(days=1)), "Failures count until none came for so long."),
    ] = timedelta(hours=1)
    trust: Annotated[
        timedelta,
        About(kinds.duration(most=timedelta(days=90)), "How long an account is not delayed where it logged in."),
    ] = timedelta(days=7)
    key_overlap: Annotated[
        timedelta, About(kinds.duration(most=timedelta(days=90)), "How long a key's old secret outlives a rotation.")
    ] = timedelta(hours=24)
    identity_header: Annotated[
        str | None,
        About(stores.word(), "The header in which a trusted proxy names the account of a client certificate."),
    ] = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of requests, which each worker process counts for itself."""

    requests: Annotated[
        int,
        About(kinds.number(0, 1_000_000), "Requests a minute per credential, per network without one; 0: no limit."),
    ] = 0
    burst: Annotated[
        int, About(kinds.number(0, 1_000_000), "Requests that may come at once; 0: as many as in a minute.")
    ] = 0


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that clients get for a password or a key."""

    ttl: Annotated[
        timedelta,
        About(kinds.duration(timedelta(minutes=1), timedelta(minutes=5)), "How long an access token is good."),
    ] = timedelta(minutes=5)
    refresh: Annotated[
        timedelta, About(kinds.duration(timedelta(minutes=5)), "How long a refresh token is good: a client's log-in.")
    ] = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Signin:
    """Browsers' sessions, second factors, and the keys of people who sign in with a provider."""

    idle: Annotated[
        timedelta,
        About(kinds.duration(timedelta(minutes=1), timedelta(days=30)), "A browser that is not used is signed out."),
    ] = timedelta(hours=8)
    absolute: Annotated[
        timedelta,
        About(kinds.duration(timedelta(minutes=1), timedelta(days=90)), "The longest that a browser stays signed in."),
    ] = timedelta(hours=24)
    grace: Annotated[
        timedelta, About(_DURATION, "How long the keys of people hold while their sign-in provider does not answer.")
    ] = timedelta(hours=24)
    key_life: Annotated[
        timedelta, About(_DURATION, "How long they hold after a sign-in, where the provider cannot be asked again.")
    ] = timedelta(days=30)
    second_factor_required: Annotated[
        str, About(kinds.choice(*Required), "Of whom a second factor is required beside the password.")
    ] = Required.NONE.value


@dataclass(frozen=True, slots=True)
class Audit:
    """Where the signed heads of the audit go, beside the database and the log."""

    file: Annotated[Path | None, About(kinds.growing_file(), "Gets a line for each checkpoint of the audit.")] = None
    bucket: Annotated[
        str | None, About(stores.storage_url(), "A bucket that gets an object for each checkpoint of the audit.")
    ] = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What is kept of who used which right."""

    keep: Annotated[timedelta, About(_DURATION, "How long it is known who used which right.")] = timedelta(days=90)
    rows: Annotated[
        int, About(kinds.number(1000, 10_000_000), "Different uses that are kept of a day; others are only counted.")
    ] = 100_000


@dataclass(frozen=True, slots=True)
class Metrics:
    """Who may read `/metrics`, beside accounts that may operate, and where."""

    listen: Annotated[
        Listen | None, About(addresses.listen(), "A listener of its own for /metrics: plain HTTP without a credential.")
    ] = None
    worker_listen: Annotated[
        Listen | None, About(addresses.listen(), "The same for a `holdfast worker` that runs alone.")
    ] = None
    token_file: Annotated[
        Path | None, About(kinds.readable_file(), "The token that a scraper shows as a Bearer at the listener.")
    ] = None
    token: Annotated[Secret | None, About(kinds.secret(), "The token itself, instead of a file.", secret=True)] = None


@dataclass(frozen=True, slots=True)
class Traces:
    """Where traces are sent, if anywhere, and how many."""

    endpoint: Annotated[
        str | None, About(addresses.base_url(), "A collector that takes traces by OTLP over HTTP; none: no traces.")
    ] = None
    ratio: Annotated[
        float, About(kinds.fraction(), "The part of traces that is recorded, where no trusted proxy decides.")
    ] = 1.0


@dataclass(frozen=True, slots=True)
class Log:
    """The program's messages on standard error, the access log among them."""

    level: Annotated[
        str, About(kinds.choice("debug", "info", "warning", "error"), "The least serious message shown.")
    ] = "info"
    format: Annotated[str, About(kinds.choice("json", "console"), "One JSON object a line, or lines for people.")] = (
        "json"
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """What the whole program runs with; made by `holdfast.app.config.load`, or by hand in tests.

    `admin_password` holds the first admin's password whichever way it came: from the environment or from
    `admin_password_file`. It is None when one is to be made.
    """

    data: Annotated[Path, About(kinds.directory(), "The directory that holds everything kept.")] = Path("data")
    listen: Annotated[Listen, About(addresses.listen(), "Where the server listens.")] = _HERE
    workers: Annotated[int, About(kinds.number(1, 64), "Worker processes; each reads and writes.")] = 1
    open: Annotated[bool, About(kinds.flag(), "Everyone may do everything without a password: for trying out.")] = False
    open_to_network: Annotated[bool, About(kinds.flag(), "Let --open listen beyond this machine all the same.")] = False
    tls_cert: Annotated[Path | None, About(kinds.readable_file(), "Certificate chain (PEM); see `holdfast tls`.")] = (
        None
    )
    tls_key: Annotated[Path | None, About(kinds.readable_file(), "Its private key (PEM, PKCS#8, not encrypted).")] = (
        None
    )
    public_url: Annotated[
        str | None, About(addresses.origin_url(), "How clients reach this registry; needed beyond loopback.")
    ] = None
    trusted_proxies: Annotated[
        tuple[Network, ...],
        About(addresses.networks(), "Proxies whose X-Forwarded-For is believed."),
    ] = ()
    allow_http: Annotated[bool, About(kinds.flag(), "Let passwords and content cross the network in clear.")] = False
    admin_password_file: Annotated[
        Path | None, About(kinds.readable_file(), "The first admin's password; else one is made and printed once.")
    ] = None
    admin_password: Annotated[
        Secret | None, About(kinds.secret(), "The first admin's password, instead of a file.", secret=True)
    ] = None
    stop_timeout: Annotated[
        timedelta, About(kinds.duration(most=timedelta(days=1)), "How long a stop waits for requests in flight.")
    ] = timedelta(seconds=30)
    lease: Annotated[
        timedelta, About(_DURATION, "What a client was told is here stays so long; longer than the longest push.")
    ] = timedelta(days=1)
    window: Annotated[timedelta, About(_DURATION, "How long what lost its tag or was deleted stays.")] = timedelta(
        days=30
    )
    collect: Collect = field(default_factory=Collect)
    database: Database = field(default_factory=Database)
    storage: Storage = field(default_factory=Storage)
    encryption: Encryption = field(default_factory=Encryption)
    jobs: Jobs = field(default_factory=Jobs)
    scrub: Scrub = field(default_factory=Scrub)
    uploads: Uploads = field(default_factory=Uploads)
    manifests: Manifests = field(default_factory=Manifests)
    pages: Pages = field(default_factory=Pages)
    outbound: Outbound = field(default_factory=Outbound)
    federation: Federation = field(default_factory=Federation)
    login: Login = field(default_factory=Login)
    limits: Limits = field(default_factory=Limits)
    tokens: Tokens = field(default_factory=Tokens)
    signin: Signin = field(default_factory=Signin)
    audit: Audit = field(default_factory=Audit)
    usage: Usage = field(default_factory=Usage)
    metrics: Metrics = field(default_factory=Metrics)
    traces: Traces = field(default_factory=Traces)
    log: Log = field(default_factory=Log)

    @property
    def needs_directory(self) -> bool:
        """Whether anything is kept below `data`."""
        return self.database.url is None or self.storage.url is None


_GROUPS: dict[str, Any] = {
    "collect": Collect,
    "database": Database,
    "storage": Storage,
    "encryption": Encryption,
    "jobs": Jobs,
    "scrub": Scrub,
    "uploads": Uploads,
    "manifests": Manifests,
    "pages": Pages,
    "outbound": Outbound,
    "federation": Federation,
    "login": Login,
    "limits": Limits,
    "tokens": Tokens,
    "signin": Signin,
    "audit": Audit,
    "usage": Usage,
    "metrics": Metrics,
    "traces": Traces,
    "log": Log,
}


def options() -> tuple[Option, ...]:
    """Every setting, in the order in which they are shown."""
    groups = (option for group, record in _GROUPS.items() for option in _options(record, group + "."))
    return (*_options(Settings, ""), *groups)


def _options(record: Any, prefix: str) -> Iterator[Option]:
    for each in fields(record):
        about = next((note for note in get_args(each.type) if isinstance(note, About)), None)
        if about is not None:
            yield Option(prefix + each.name, about.kind, about.purpose, each.default, about.secret, about.short)


def build(values: Mapping[str, object]) -> Settings:
    """Make the record from typed values by setting name; a name that is not there has its default."""
    groups: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        group, _, last = name.rpartition(".")
        groups.setdefault(group, {})[last] = value
    own = groups.pop("", {})
    return Settings(**own, **{name: _GROUPS[name](**group) for name, group in groups.items()})
