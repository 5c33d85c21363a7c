"""Somebody who has never seen it, and his colleagues: from the first password to an approved request, with docker.

Promises: no address is typed but the first; what is typed into a terminal is what a copy button copied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from playwright.sync_api import Page, expect
from tests.browser.page import NARROW, SECONDS, Eyes, checked, chromium
from tests.clients import images
from tests.clients.engines import CLASSIC, Engine, engine_of
from tests.clients.programs import find
from tests.clients.terminal import Terminal, open_terminal
from tests.clients.wire import Wire
from tests.serving import Server, pause, running_server

pytestmark = pytest.mark.slow
CORA, DAVE = "cora", "dave"
PASSWORD = "a long password of a colleague"
OWN = "a password of my own, finally"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("newcomer")) as running:
        yield running


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A docker whose Docker Hub is another registry, with two images."""
    chromium()
    with running_server(tmp_path_factory.mktemp("hub"), "--open") as hub:
        for name, tag in (("alpine", "3.20"), ("busybox", "1.36")):
            Wire(hub).push(f"library/{name}", images.image(name, docker=True), tag)
        with engine_of(CLASSIC, f"--registry-mirror={hub.url}") as running:
            yield running


def terminal(engine: Engine, home: Path) -> Terminal:
    made = open_terminal(home, env={"DOCKER_HOST": f"unix://{engine.daemon.socket}"})
    made.have("docker", find("docker", Path("/usr/bin")))
    return made


def sign_in(page: Page, server: Server, name: str, password: str) -> Page:
    """Type the one address that is typed, and sign in."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(server.url)
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    return page


def copy(page: Page, what: str, within: str = "main") -> str:
    """Press the first copy button in sight that copies something with `what` in it; gives what was copied."""
    page.locator(f'{within} [data-copy*="{what}"]:visible').first.click()
    expect(page.locator("#told")).to_contain_text("Copied")
    page.wait_for_function(f"() => navigator.clipboard.readText().then((text) => text.includes({json.dumps(what)}))")
    text: str = page.evaluate("() => navigator.clipboard.readText()")
    return text


def go(page: Page, *names: str) -> Page:
    """Follow links of the page, one after the other."""
    for name in names:
        page.get_by_role("link", name=name, exact=True).locator("visible=true").first.click()
    return page


def found(page: Page, what: str, name: str) -> Page:
    """Find something by the box in the header, and open it."""
    page.get_by_role("searchbox", name="Search repositories, tags, digests").fill(what)
    page.keyboard.press("Enter")
    page.locator("main").get_by_role("link", name=name, exact=True).first.click()
    return page


def test_from_the_first_password_to_an_approved_request(
    eyes: Eyes, server: Server, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with TemporaryDirectory(prefix="hf-", dir="/tmp") as short:
        admin, hers, his = (terminal(engine, Path(short) / name) for name in ("admin", CORA, DAVE))
        page = sign_in(eyes.anonymous(), server, server.admin.username, server.admin.password)
        expect(page.get_by_role("heading", name="First steps")).to_be_visible()
        checked(page, "newcomer-first-steps")
        change_password(page, server)
        push(page, admin)
        roll_back(page, admin)
        for name in (CORA, DAVE):
            make_user(page, name)
        share(page)
        colleague = sign_in(eyes.anonymous(NARROW), server, CORA, PASSWORD)
        pull(found(colleague, "team-a/app", "team-a/app"), hers, server)
        see_who_pulled(page)
        typed = f"docker login --username {DAVE} {server.host}\ndocker pull {server.host}/team-a/app:first"
        assert "is refused" in his.paste(typed, type=PASSWORD, fails=True)
        asker = sign_in(eyes.anonymous(), server, DAVE, PASSWORD)
        ask(asker)
        approve(page)
        pull(found(asker, "team-a/app", "team-a/app"), his, server)


def change_password(page: Page, server: Server) -> None:
    """As the list of first steps says first; it leads back to it."""
    go(page, "Change the password")
    page.get_by_label("Password until now").fill(server.admin.password)
    page.get_by_label("New password", exact=True).fill(OWN)
    page.get_by_label("New password again").fill(OWN)
    page.get_by_role("button", name="Change the password").click()
    page.get_by_label("User name").fill(server.admin.username)
    page.get_by_label("Password").fill(OWN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("1 of 5 done")).to_be_visible()


def push(page: Page, shell: Terminal) -> None:
    """A namespace with a repository is made, the commands of its page push, and the page turns by itself."""
    go(page, "Go on", "Repositories", "New repository")
    page.get_by_label("Name", exact=True).fill("team-a/app")
    page.get_by_role("button", name="Make the repository").click()
    expect(page.get_by_role("heading", name="Push the first image")).to_be_visible()
    checked(page, "newcomer-empty")
    shell.paste(copy(page, "docker push"), type=OWN)
    expect(page.get_by_role("heading", name="Pull", exact=True)).to_be_visible(timeout=SECONDS * 1000)


def roll_back(page: Page, shell: Terminal) -> None:
    """Somebody pushes something else to the tag; the image is found, and the tag put back."""
    go(found(page, "app", "team-a/app"), "first")
    first = copy(page, "docker pull", "section:has(#pull)").split()[-1]
    digest = copy(page, "sha256:", "section:has(#facts)")
    shell.paste(f"docker pull busybox:1.36 && docker tag busybox:1.36 {first} && docker push {first}")
    go(page, "History")
    page.get_by_role("link", name="In the history of the repository").click()
    page.get_by_role("row").filter(has_text="moved").get_by_role("link", name="Undo this change of first").click()
    checked(page, "newcomer-restore")
    page.get_by_role("button", name="Restore 1 tag").click()
    expect(page.locator(".toast")).to_be_visible()
    go(found(page, "app", "team-a/app"), "first")
    assert copy(page, "sha256:", "section:has(#facts)") == digest


def make_user(page: Page, name: str) -> None:
    go(page, "Administration", "New user")
    form = page.locator("form[action='/admin/users'][method='post']")
    form.locator("[name=name]").fill(name)
    form.locator("[name=password]").fill(PASSWORD)
    form.get_by_role("button", name="Make the user").click()
    expect(page.locator(".toast")).to_contain_text(f"{name} is made")


def share(page: Page) -> None:
    """Cora may pull from the repository."""
    found(page, "team-a/app", "team-a/app")
    go(page, "Access", "Grant")
    page.get_by_label("Who", exact=True).fill(f"user:{CORA}")
    page.get_by_label("Role").select_option("reader")
    page.get_by_role("button", name="Grant").click()
    expect(page.get_by_role("row").filter(has_text=f"user:{CORA}")).to_be_visible()


def pull(page: Page, shell: Terminal, server: Server) -> None:
    """By the commands of the page that one stands on."""
    checked(page, "newcomer-pull")
    said = shell.paste(copy(page, "docker pull", "section:has(#pull)"), type=PASSWORD)
    assert f"{server.host}/team-a/app" in said


def see_who_pulled(page: Page) -> None:
    """Use is stored some seconds after it was seen."""
    go(found(page, "app", "team-a/app"), "first")
    row = page.get_by_role("row").filter(has_text=CORA)
    for _ in range(30):
        go(page, "Pulls")
        if row.count():
            break
        pause(1)
    expect(row).to_contain_text("docker")
    checked(page, "newcomer-pulls")


def ask(page: Page) -> None:
    """What docker said is explained, and asked about."""
    page.locator("summary", has_text="Account of").click()
    go(page, "What may I do?")
    main = page.locator("main")
    main.get_by_label("Does what").select_option("pull")
    main.get_by_label("Repository").fill("team-a/app")
    main.get_by_label("Tag").fill("first")
    main.get_by_role("button", name="Explain").click()
    expect(page.locator("#verdict")).to_contain_text("Denied")
    checked(page, "newcomer-denied")
    go(page, "Request access")
    main.get_by_label("Why").fill("I look after it from Monday on.")
    main.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_url("**/access-requests*")
    expect(main).to_contain_text("team-a/app")


def approve(page: Page) -> None:
    """Home says that somebody asks; one click gives it."""
    go(page, "Home")
    page.get_by_role("link", name=f"{DAVE} asks for access").click()
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".toast")).to_contain_text("reader")
