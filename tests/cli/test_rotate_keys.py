"""`holdfast rotate-keys` on a directory that no server uses."""

from pathlib import Path

from tests.cli.program import holdfast
from tests.serving import running_server

from holdfast.access.master import new_master_key


def test_the_keys_are_rotated_without_a_server_and_shown(tmp_path: Path) -> None:
    with running_server(tmp_path, "--open") as server:
        data = str(server.data)
    done = holdfast(tmp_path, "rotate-keys", "--data", data)
    assert done.stdout.startswith("the keys are rotated")
    assert done.stderr.startswith("job ")
    lines = holdfast(tmp_path, "rotate-keys", "--status", "--data", data).stdout.splitlines()
    assert lines[0].split() == ["content", "key", "made", "encrypts"]
    assert [line.split()[0] for line in lines[1:]] == ["1", "2"]
    said = holdfast(tmp_path, "rotate-keys", "--no-wait", "--data", data).stdout
    assert said.startswith("job ")
    assert "holdfast jobs show" in said


def test_a_wrong_key_rotates_nothing(tmp_path: Path) -> None:
    with running_server(tmp_path, "--open") as server:
        data = str(server.data)
    (server.data / "master.key").write_text(new_master_key())
    said = holdfast(tmp_path, "rotate-keys", "--data", data, status=1).stderr
    assert "the master key does not open the keys in the database" in said
    assert len(holdfast(tmp_path, "rotate-keys", "--status", "--data", data).stdout.splitlines()) == 2


def test_where_no_registry_is_nothing_is_made(tmp_path: Path) -> None:
    said = holdfast(tmp_path, "rotate-keys", "--data", str(tmp_path / "none"), status=1).stderr
    assert "there is no registry in" in said
    assert not (tmp_path / "none").exists()
