"""A stop reaches the supervisor whichever of its threads the kernel hands the signal to."""

from __future__ import annotations

import subprocess
import sys

_TIMES = 4
_FORKED = """
import os, signal, threading
from holdfast.app.server import _STOPS, _hold_signals_at_birth

_hold_signals_at_birth()
seen = []

def fork():
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    seen.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

thread = threading.Thread(target=fork)
thread.start()
thread.join()
fork_here = os.fork()
if fork_here == 0:
    os._exit(0 if _STOPS <= signal.pthread_sigmask(signal.SIG_BLOCK, ()) else 1)
born = os.waitstatus_to_exitcode(os.waitpid(fork_here, 0)[1])
mine = signal.pthread_sigmask(signal.SIG_BLOCK, ())
print(_STOPS <= seen[0], born, bool(_STOPS & mine))
"""
_TAKEN_BY_ANOTHER = """
import signal, sys, threading
from holdfast.app.server import _Interrupt

told = _Interrupt()
signal.signal(signal.SIGTERM, lambda *_: told.set())
for _ in range(int(sys.argv[1])):
    told.clear()
    taker = threading.Thread(target=lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM))
    threading.Timer(0.02, taker.start).start()
    told.wait()
print("stopped")
"""


def run(program: str, *words: str) -> str:
    """What a program of its own prints; it fails when it does not end."""
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_thread_that_forks_takes_no_stop_from_the_one_that_acts_on_it() -> None:
    assert run(_FORKED) == "True 0 False"


def test_a_stop_that_another_thread_took_is_acted_on() -> None:
    assert run(_TAKEN_BY_ANOTHER, str(_TIMES)) == "stopped"
