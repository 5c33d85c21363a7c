"""All pages of access, over the services that the API is a face of as well."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.accounts.robots import Robots
from holdfast.access.federation.rules import Rules
from holdfast.access.grants.groups import Groups
from holdfast.access.grants.roles import Roles
from holdfast.access.grants.service import Grants
from holdfast.access.grants.visibility import Visibility
from holdfast.access.invitations.service import Invitations
from holdfast.access.keys.keychain import Keychain
from holdfast.access.requests.service import Requests
from holdfast.access.why import Why
from holdfast.console.access.explain import ExplainPages
from holdfast.console.access.federation import FederationPages
from holdfast.console.access.granting import GrantForm
from holdfast.console.access.grants import GrantPages, GrantsShown
from holdfast.console.access.groups import GroupPages
from holdfast.console.access.invitations import InvitationPages
from holdfast.console.access.requests import RequestPages
from holdfast.console.access.robot_keys import RobotKeyPages
from holdfast.console.access.robots import RobotPages
from holdfast.web.frame import Frame
from holdfast.web.site import Route


class AccessShown(NamedTuple):
    """The services behind the pages of access."""

    grants: Grants
    roles: Roles
    visibility: Visibility
    requests: Requests
    invitations: Invitations
    robots: Robots
    keys: Keychain
    rules: Rules
    why: Why
    groups: Groups


def access_routes(frame: Frame, shown: AccessShown) -> list[Route]:
    """Every route of the pages of access."""
    return [
        *ExplainPages(frame, shown.why).routes(),
        *GrantPages(frame, GrantsShown(shown.grants, shown.visibility, shown.requests)).routes(),
        *GrantForm(frame, shown.grants, shown.roles).routes(),
        *GroupPages(frame, shown.groups).routes(),
        *RobotPages(frame, shown.robots, shown.keys).routes(),
        *RobotKeyPages(frame, shown.robots, shown.keys).routes(),
        *FederationPages(frame, shown.rules).routes(),
        *RequestPages(frame, shown.requests, shown.roles).routes(),
        *InvitationPages(frame, shown.invitations, shown.roles).routes(),
    ]
