"""How long imports take in fresh interpreters: ours against aiohttp's, in turns."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
from argparse import Namespace
from functools import cache

from ._harness import ROOT, Option, Report, run

OPTIONS = (
    Option("runs", "fresh interpreters for each import", 21, 5),
    Option("fat", "show what we import and aiohttp does not", full=False, quick=False),
)
BASE = "import aiohttp"
BARS = {"import ghl_async": 0.5, "from ghl_async import GHLClient": 1.2}
PROBE = """
from time import perf_counter, process_time
cpu, start = process_time(), perf_counter()
{statement}
print(perf_counter() - start, process_time() - cpu)
"""
LINE = re.compile(r"import time: +(\d+) \| +(\d+) \| *(\S+)")
SHOWN = 40


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=_compiled(), capture_output=True, text=True, timeout=60, check=True)


@cache
def _compiled() -> dict[str, str]:
    """An environment in which both packages are compiled once, by the first round, whoever installed them and how."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    folder = tempfile.mkdtemp(prefix="bench_import")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return environment | {"PYTHONPYCACHEPREFIX": folder}


def _seconds(statement: str) -> tuple[float, float]:
    wall, cpu = _python("-c", PROBE.format(statement=statement)).stdout.split()
    return float(wall), float(cpu)


def _modules(statement: str) -> dict[str, int]:
    """The own microseconds of each module that a statement imports."""
    lines = map(LINE.match, _python("-X", "importtime", "-c", statement).stderr.splitlines())
    return {line[3]: int(line[1]) for line in lines if line}


def _show_fat(report: Report) -> None:
    theirs = _modules(BASE)
    for statement in BARS:
        own = {name: spent for name, spent in _modules(statement).items() if name not in theirs}
        report.note(f"{statement}: {len(own)} modules that aiohttp does not need, {sum(own.values())} us")
        for name, spent in sorted(own.items(), key=lambda each: -each[1])[:SHOWN]:
            report.note(f"{spent:8d} us  {name}")


def measure(settings: Namespace, report: Report) -> None:
    """Import in turns; the first round only fills the caches."""
    if settings.fat:
        _show_fat(report)
        return
    statements = (BASE, *BARS)
    wall: dict[str, list[float]] = {statement: [] for statement in statements}
    cpu: dict[str, list[float]] = {statement: [] for statement in statements}
    for turn in range(settings.runs + 1):
        for statement in statements:
            seconds, busy = _seconds(statement)
            if turn:
                wall[statement].append(seconds * 1000)
                cpu[statement].append(busy * 1000)
    base, base_cpu = report.figure(BASE, wall[BASE], "ms"), report.figure(f"{BASE}, CPU", cpu[BASE], "ms")
    for statement, bar in BARS.items():
        ours = report.figure(statement, wall[statement], "ms")
        ours_cpu = report.figure(f"{statement}, CPU", cpu[statement], "ms")
        report.note(f"{statement}: {ours_cpu / base_cpu:.3f} times the CPU")
        report.bar(f"{statement}, to {BASE}", ours / base, at_most=bar)


if __name__ == "__main__":
    sys.exit(run("bench_import", __doc__, OPTIONS, measure))
