"""Functions of a benchmark in processes of their own.

The memory of such a process is that function's alone, and its allocator is as Python starts it: one
that has done much else hands out memory faster, so that PyTorch's eager towers, which ask for new
memory layer by layer, were twice as fast in it as they are for a user.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

BEGIN = """
import importlib, json, sys, time
module, function, arguments = json.loads(sys.argv[1])
called = getattr(importlib.import_module(module), function)
"""
ANSWER = "print(json.dumps(called(*arguments)))"
STAND = """
call = called(*arguments)
call()
print("ready", flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    call()
    print(time.perf_counter() - start, flush=True)
"""


def asked(module: str, function: str, *arguments: object) -> Any:
    """What ``function`` of ``module`` returns, through JSON, called in a new process.

    Args:
        module: dotted name.
        function: a name in it.
        arguments: anything that JSON can hold.

    Raises:
        RuntimeError: the function failed; with the last line of what it wrote to stderr.
    """
    command = [sys.executable, "-c", BEGIN + ANSWER, json.dumps([module, function, arguments])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing on stderr"])[-1]
        raise RuntimeError(f"{module}.{function} failed with {done.returncode}: {last}")
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def standing(
    module: str,
    function: str,
    *arguments: object,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Callable[[], float]]:
    """A process that calls what ``function`` returned whenever it is asked; gives its seconds.

    One call is made, and not counted, before the first that is asked for. The process starts beside
    whatever follows here; the first that is asked for waits until it is ready.

    Args:
        module: dotted name.
        function: a name in it, which returns something that can be called.
        arguments: of ``function``; anything that JSON can hold.
        environment: variables beside those of this process.

    Raises:
        RuntimeError: the process ended.
    """
    command = [sys.executable, "-c", BEGIN + STAND, json.dumps([module, function, arguments])]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | dict(environment or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def read() -> str:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"{module}.{function} ended with {process.wait()}")
            return line

        ready = False

        def seconds() -> float:
            nonlocal ready
            while not ready:  # libraries may print when they start
                ready = read() == "ready\n"
            process.stdin.write("next\n")
            process.stdin.flush()
            return float(read())

        yield seconds
        process.stdin.close()
