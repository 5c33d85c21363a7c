"""What people see of a real server's counts, by its API and its verb."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.cli.shell import Shell
from tests.clients import images
from tests.clients.images import Blob
from tests.clients.wire import ACCEPT
from tests.insights.traffic import PATIENCE, Shop
from tests.serving import running_server


def test_a_push_and_its_pulls_are_shown(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        shop = Shop(server)
        shop.wait_until_counting()
        made = shop.wire.push("shop/web", images.image("insights"), "v1")
        for agent in ("docker/27.1", "docker/27.1", "trivy/0.60"):
            shop.wire.expect(200, "GET", "/v2/shop/web/manifests/v1", Accept=ACCEPT, User_Agent=agent)
        layer = made.blobs[-1]
        assert shop.wire.blob("shop/web", layer.digest) == layer.data
        received = sum(len(each.data) for each in (*made.blobs, Blob("", made.manifest.data)))
        deadline = time.monotonic() + PATIENCE
        while (shop.counted("shop/web")["total"]["pulls"], shop.counted("shop/web")["total"]["pushes"]) != (3, 1):
            assert time.monotonic() < deadline, shop.counted("shop/web")
            time.sleep(0.3)
        total = shop.counted("shop/web")["total"]
        assert total["received"] == received
        assert total["sent"] == 3 * len(made.manifest.data) + len(layer.data)
        assert shop.rows("shop/web", "class") == {"person": 2, "scanner": 1}

        shell = Shell(tmp_path)
        shell.run("login", server.url, "-u", "admin", "--password-stdin", stdin=server.admin.password + "\n")
        found = json.loads(shell.says("insights", "shop/web", "--json"))
        assert found["total"]["pulls"] == 2, "scanners are left out"
        assert [(row["name"], row["pulls"]) for row in found["rows"]] == [("v1", 2)]
        text = shell.says("insights", "shop/web", "--by", "agent", "--all")
        assert "docker" in text
        assert "trivy" in text
        who = json.loads(shell.says("insights", "shop/web", "--who", "--tag", "v1", "--json"))["items"]
        assert {(each["subject"], each["agent"], each["pulls"]) for each in who if each["pulls"]} == {
            ("user:admin", "docker", 2)
        }
        assert "shop/web" in shell.says("insights", "--top")
        assert "shop/web:v1" in shell.says("insights", "shop/web", "--top")
        csv = shell.says("insights", "--showback", "--csv").splitlines()
        assert csv[0] == "path,month,stored,average,pulls,pushes,sent,received"
        assert any(line.startswith("shop,") and line.endswith(f",3,1,{total['sent']},{received}") for line in csv)
