"""The `holdfast` program: its verbs, and nothing that a verb does not need.

Importing this loads click and the standard library only. What a verb works with (the database, the web server,
cryptography) is loaded when that verb runs, so that `--help` and the client verbs start at once and run on machines
where the server's libraries do not exist.
"""

import os
import sys

import click

from holdfast import __version__
from holdfast.cli.access_requests import access_request
from holdfast.cli.admin import admin
from holdfast.cli.audit import audit
from holdfast.cli.backup import backup, restore
from holdfast.cli.canary import canary
from holdfast.cli.changes import changes
from holdfast.cli.collect import collect
from holdfast.cli.config import config
from holdfast.cli.connect.verb import connect
from holdfast.cli.credential_provider import credential_provider, docker_credential
from holdfast.cli.doctor import doctor
from holdfast.cli.events import events
from holdfast.cli.export import export
from holdfast.cli.federation import federation
from holdfast.cli.grants import grant
from holdfast.cli.groups import group
from holdfast.cli.history import diff, history, show
from holdfast.cli.image import image
from holdfast.cli.immutable import immutable
from holdfast.cli.import_ import import_
from holdfast.cli.insights import insights
from holdfast.cli.inspect import compare, inspect
from holdfast.cli.inventory import inventory
from holdfast.cli.invitations import invitation
from holdfast.cli.issuers import issuer
from holdfast.cli.jobs import jobs
from holdfast.cli.keys import key
from holdfast.cli.lists import lists
from holdfast.cli.login import contexts, login, logout, me
from holdfast.cli.metrics import metrics
from holdfast.cli.migrate import migrate
from holdfast.cli.migrate_storage import migrate_storage
from holdfast.cli.namespace import namespace
from holdfast.cli.nodes import nodes, read_only
from holdfast.cli.policy import policy
from holdfast.cli.promote import promote
from holdfast.cli.providers import provider
from holdfast.cli.purge import purge
from holdfast.cli.quotas import quota
from holdfast.cli.repository import repository
from holdfast.cli.retention import retention
from holdfast.cli.robots import robot
from holdfast.cli.roles import role
from holdfast.cli.rollback import rollback
from holdfast.cli.rotate_keys import rotate_keys
from holdfast.cli.search import search
from holdfast.cli.serve import serve
from holdfast.cli.sessions import session
from holdfast.cli.settings_tree import settings
from holdfast.cli.storage import storage
from holdfast.cli.tags import tag
from holdfast.cli.tls import tls
from holdfast.cli.undelete import deleted, undelete
from holdfast.cli.unusual import unusual
from holdfast.cli.uploads import uploads
from holdfast.cli.usage import usage
from holdfast.cli.users import user
from holdfast.cli.verify import verify
from holdfast.cli.visibility import visibility
from holdfast.cli.watch import watch
from holdfast.cli.webhooks import webhook
from holdfast.cli.why import who_may, why
from holdfast.cli.why_kept import why_kept
from holdfast.cli.worker import worker

_EXAMPLES = """\b
Examples:
  holdfast serve --data /srv/registry          start a registry on 127.0.0.1:5000
  holdfast serve --open                        the same without a password, for trying out
  holdfast doctor --data /srv/registry         is this machine fit for it?
  holdfast verify --data /srv/registry         is everything there that was acknowledged?
  holdfast config                              every setting in force, and where it comes from
  holdfast login URL -u NAME                   whose registry the verbs below talk to
  holdfast why user:dora pull shop/web:prod-1  may she, and by which grant?
  holdfast VERB --help                         what VERB does, with examples
"""


@click.group(epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="holdfast")
def main() -> None:
    """Holdfast, a self-hosted container registry."""


for verb in (
    serve,
    worker,
    jobs,
    doctor,
    verify,
    collect,
    config,
    metrics,
    tls,
    admin,
    migrate,
    migrate_storage,
    backup,
    restore,
    export,
    import_,
    nodes,
    read_only,
    rotate_keys,
    login,
    logout,
    contexts,
    me,
    user,
    group,
    robot,
    key,
    session,
    role,
    grant,
    visibility,
    namespace,
    repository,
    settings,
    immutable,
    quota,
    storage,
    uploads,
    purge,
    provider,
    issuer,
    federation,
    credential_provider,
    docker_credential,
    connect,
    why,
    who_may,
    access_request,
    invitation,
    why_kept,
    audit,
    policy,
    usage,
    events,
    watch,
    history,
    show,
    diff,
    rollback,
    deleted,
    undelete,
    promote,
    image,
    inspect,
    compare,
    search,
    insights,
    tag,
    changes,
    lists,
    retention,
    unusual,
    canary,
    inventory,
    webhook,
):
    main.add_command(verb)


def run() -> None:
    """The program `holdfast`: `main`, and an end that suits what it used.

    The library of buckets keeps threads that an interpreter must not be taken down under: a process that has loaded it
    flushes what it has to say and ends at once.
    """
    try:
        main(prog_name="holdfast")
    except SystemExit as end:
        if "obstore" not in sys.modules:
            raise
        if isinstance(end.code, str):
            sys.stderr.write(end.code + "\n")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
