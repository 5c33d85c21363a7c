"""Job workers, replaced workers and a bucket that is away, as `/metrics` tells of them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.cli.program import holdfast
from tests.faults.proxy import Proxy
from tests.metrics.scraping import PATIENCE, Scrape, ask, scrape
from tests.object_servers import s3_server
from tests.pairs import Pair, place_of
from tests.ports import free_port
from tests.serving import pause, program, running_server


def _until(port: int, condition: Callable[[Scrape], bool], what: str, patience: float = PATIENCE) -> Scrape:
    deadline = time.monotonic() + patience
    while True:
        try:
            page = scrape(port)
        except OSError:
            page = Scrape("", {}, {})
        if condition(page):
            return page
        assert time.monotonic() < deadline, f"{what}\n{page.text}"
        pause(0.1)


def test_a_worker_that_runs_alone_tells_its_own_numbers(tmp_path: Path) -> None:
    port, own = free_port(), free_port()
    flags = ("--open", "--no-jobs", "--metrics-listen", f"127.0.0.1:{port}")
    with running_server(tmp_path, *flags) as server:
        assert _until(port, lambda page: page.has("holdfast_processes"), "no page").of("holdfast_processes") == 1
        command = [str(program()), "worker", "--data", str(server.data)]
        with (tmp_path / "worker.log").open("wb") as log:
            worker = subprocess.Popen(
                [*command, "--metrics-worker-listen", f"127.0.0.1:{own}"], stderr=log, env={**os.environ, **server.env}
            )
        try:
            page = _until(own, lambda page: page.has("holdfast_processes"), "the worker tells nothing")
            assert page.of("holdfast_processes") == 1
            assert page.has("holdfast_process_resident_memory_bytes")
            assert page.of("holdfast_job_runs_total", kind="collect", outcome="failed") == 0
            assert page.of("holdfast_database_up") == page.of("holdfast_store_up") == 1
            assert not scrape(port).has("holdfast_job_runs_total")
        finally:
            worker.terminate()
            assert worker.wait(PATIENCE) == 0


def test_two_listeners_at_one_place_are_refused_with_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        at = f"127.0.0.1:{taken.getsockname()[1]}"
        flags = ("serve", "--data", str(tmp_path / "d"), "--listen", f"127.0.0.1:{free_port()}", "--open")
        done = holdfast(tmp_path, *flags, "--metrics-listen", at, status=1)
    assert f"metrics cannot be told at {at}: Address already in use" in done.stderr


def test_workers_that_are_replaced_hand_their_counts_on(tmp_path: Path) -> None:
    holdfast(tmp_path, "tls", "init", "127.0.0.1")
    port = free_port()
    tls = ("--tls-cert", str(tmp_path / "tls/server.crt"), "--tls-key", str(tmp_path / "tls/server.key"))
    with running_server(tmp_path, "--open", "--workers", "2", "--metrics-listen", f"127.0.0.1:{port}", *tls) as server:
        before = _until(port, lambda page: page.of("holdfast_processes") == 3, "not all processes count")
        started = _started(before)
        committed = before.of("holdfast_database_units_total", outcome="committed")
        assert committed > 0
        _all_serve(server.pid)
        os.kill(server.pid, signal.SIGHUP)
        after = _until(
            port,
            lambda page: page.of("holdfast_processes") == 3 and len(_started(page) - started) >= 2,
            "workers were not replaced",
            4 * PATIENCE,
        )
        assert after.of("holdfast_database_units_total", outcome="committed") >= committed
        assert after.of("holdfast_metrics_refused_total") == 0


def _all_serve(pid: int) -> None:
    """Return when every worker serves: it holds stops back until then."""
    deadline = time.monotonic() + 4 * PATIENCE
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    while any("SigBlk:\t0000000000000000" not in Path(f"/proc/{each}/status").read_text() for each in children):
        assert time.monotonic() < deadline
        pause(0.1)


def _started(page: Scrape) -> set[float]:
    return {value for (name, _), value in page.numbers.items() if name == "holdfast_process_start_time_seconds"}


def test_a_bucket_that_is_away_is_told(tmp_path: Path) -> None:
    port = free_port()
    with Proxy(s3_server().port) as proxy:
        url = place_of(Pair.CLUSTER, tmp_path)["HOLDFAST_STORAGE"].replace(s3_server().endpoint, proxy.endpoint)
        flags = ("--open", "--no-jobs", "--metrics-listen", f"127.0.0.1:{port}")
        with running_server(tmp_path, *flags, env={"HOLDFAST_STORAGE": url}, pair=Pair.CLUSTER) as server:
            page = _until(port, lambda page: page.of("holdfast_store_up") == 1, "the store is not up")
            assert page.of("holdfast_build_info", store="bucket", database="postgresql") == 1
            assert not page.has("holdfast_disk_free_bytes")
            proxy.down()
            rest = _until(port, lambda page: page.has("holdfast_store_up") and not page.of("holdfast_store_up"), "up")
            assert rest.of("holdfast_database_up") == 1
            proxy.up()
            _until(port, lambda page: page.of("holdfast_store_up") == 1, "the store stays away")
            assert ask(server.port, path="/v2/")[0] == 200
