"""A time limit ends what hangs, and nothing else."""

import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from ray_nas.cluster import time_limit, watchdog


def test_a_time_limit_that_is_kept_does_nothing() -> None:
    with time_limit(0.2):
        pass
    time.sleep(0.4)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e10])
def test_time_limits_that_no_clock_can_keep(seconds: float) -> None:
    with (
        pytest.raises(
            ValueError,
            match=f"seconds must be positive and at most .*, got {re.escape(str(seconds))}",
        ),
        time_limit(seconds),
    ):
        pass


HANGING = {
    "C code that lets no other thread run": """
        with time_limit(1):
            re.match(r"(a+)+$", 50 * "a" + "b")""",
    "nested, the outer one is earlier": """
        with time_limit(1), time_limit(60):
            time.sleep(30)""",
    "nested, the inner one was kept": """
        with time_limit(1):
            with time_limit(60):
                pass
            time.sleep(30)""",
    "in another thread": """
        def hang():
            with time_limit(1):
                time.sleep(30)
        threading.Thread(target=hang).start()
        with time_limit(60):
            time.sleep(30)""",
    "after a fork, of which the other process goes on": """
        with time_limit(1):
            if not os.fork():
                with time_limit(60):
                    time.sleep(2)
                print("kept", flush=True)
                os._exit(0)
            time.sleep(30)""",
}


@pytest.mark.parametrize("code", HANGING.values(), ids=HANGING)
def test_a_time_limit_ends_the_process_and_says_where_it_was(code: str) -> None:
    code = "import os, re, threading, time\nfrom watchdog import time_limit\n" + textwrap.dedent(
        code
    )
    folder = Path(watchdog.__file__).parent  # the module alone starts in no time
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert re.search(r"^Timeout \(0:00:0.*\n(.*\n)*  File \"<string>\", line \d+ in ", ended.stderr)
    assert time.monotonic() - began < 20
    assert ended.stdout == ("kept\n" if "fork" in code else "")
