"""What the benchmarks share: server and client as processes of their own, statistics, output.

A benchmark is a `measure(settings, report)` that starts sandboxes and clients, and a `client(spec)` that runs in a
process of its own: `python -m benchmarks.bench_x --client JSON`. Requests are counted by the server's log, never by the
client. Nothing leaves this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import mmap
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import msgspec

from ghl_async import GHLClient
from ghl_async.hooks import Hook

__all__ = [
    "DOORS",
    "BenchmarkFailed",
    "Client",
    "Option",
    "Progress",
    "Report",
    "Sandbox",
    "children_cpu",
    "connect",
    "fan_out",
    "peak_bytes",
    "percentile",
    "play",
    "run",
    "spans",
]

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0
END_SECONDS = 10.0
TRUTH_PAGE = 500
DOORS = {"tasks": ("tasks/search", 401), "notes": ("notes/search", 403), "appointments": ("calendars/events", 404)}
"""The cheaper way to each kind: a part of its path, and the status with which it is refused here."""


class BenchmarkFailed(Exception):
    """Something is broken, so there is nothing to measure."""


class Sandbox:
    """A sandbox in a process of its own, with the admin door to its log."""

    def __init__(self, **options: object) -> None:
        flags = [_flag(name, value) for name, value in options.items()]
        self._process = _python("ghl_async.sandbox", *flags)
        try:
            self._address: dict[str, str] = _last_line(self._process.stdout.readline() if self._process.stdout else "")
        except BaseException:
            _end(self._process)
            raise
        self.base_url = self._address["base_url"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _end(self._process)

    def spec(self, **more: object) -> dict[str, Any]:
        """What a client must know to call it, and whatever else the client is told."""
        return self._address | more

    def ask(self, method: str, door: str, body: object = None, **query: object) -> dict[str, Any]:
        """Ask the admin door, which is neither counted nor delayed."""
        with closing(http.client.HTTPConnection(urlsplit(self.base_url).netloc, timeout=60)) as connection:
            sent = None if body is None else msgspec.json.encode(body)
            connection.request(method, f"/_sandbox/{door}?{urlencode(query)}", sent)
            response = connection.getresponse()
            answer: dict[str, Any] = msgspec.json.decode(response.read())
        if response.status != http.client.OK:
            raise BenchmarkFailed(f"the sandbox answers {response.status} to {method} {door}: {answer}")
        return answer

    def shut_doors(self, after: Mapping[str, int] | None = None) -> None:
        """Refuse the cheaper ways from now on, each behind so many requests."""
        self.ask("DELETE", "faults")
        for kind, (path, status) in DOORS.items():
            passing = 0 if after is None else after[kind]
            self.ask("POST", "faults", {"kind": "refused", "path_contains": path, "status": status, "after": passing})

    def refused(self) -> int:
        """How many requests it answered with 429."""
        refused: int = self.ask("GET", "counts")["by_status"].get("429", 0)
        return refused

    def log(self) -> list[dict[str, Any]]:
        """Every request it judged, in order."""
        entries: list[dict[str, Any]] = self.ask("GET", "log")["requests"]
        return entries

    def truth(self) -> list[dict[str, Any]]:
        """Every contact with its children, as the API shows them."""
        found: list[dict[str, Any]] = []
        while page := self.ask("GET", "truth", offset=len(found), limit=TRUTH_PAGE)["contacts"]:
            found += page
        return found

    def ids(self, count: int) -> list[str]:
        """The ids of some contacts."""
        return [each["contact"]["id"] for each in self.ask("GET", "truth", limit=count)["contacts"]]


class Client:
    """A client in a process of its own: the `client` function of a benchmark, called with `spec`."""

    def __init__(self, benchmark: str, spec: dict[str, Any]) -> None:
        self._process = _python(f"benchmarks.{benchmark}", "--client", msgspec.json.encode(spec).decode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _end(self._process)

    def result(self, timeout_seconds: float) -> Any:
        """Wait for its end and return what the function returned."""
        try:
            output, _ = self._process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            raise BenchmarkFailed(f"a client was not done within {timeout_seconds:.0f} s") from None
        if self._process.returncode:
            raise BenchmarkFailed(f"a client ended with exit code {self._process.returncode}")
        return _last_line(output)

    @property
    def is_alive(self) -> bool:
        """Whether it runs still."""
        return self._process.poll() is None

    def kill(self) -> bool:
        """SIGKILL it, and say whether it was alive until then."""
        self._process.kill()
        return self._process.wait() < 0


class Progress:
    """The byte that both processes see; it outlives the one that wrote it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("r+b")
        self._map = mmap.mmap(self._file.fileno(), 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._map.close()
        self._file.close()

    @property
    def now(self) -> int:
        """What the client does."""
        return self._map[0]

    @now.setter
    def now(self, what: int) -> None:
        self._map[0] = what


def _flag(name: str, value: object) -> str:
    flag = f"--{name.replace('_', '-')}"
    return flag if value is None else f"{flag}={value}"


def _python(module: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)


def _last_line(output: str) -> Any:
    lines = output.splitlines()
    if not lines:
        raise BenchmarkFailed("a process ended without a word")
    return msgspec.json.decode(lines[-1])


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def connect(spec: dict[str, Any], *hooks: Hook) -> GHLClient:
    """Make the client that a spec describes."""
    return GHLClient(spec["token"], location_id=spec["location_id"], base_url=spec["base_url"], hooks=hooks)


async def fan_out(
    call: Callable[[str], Awaitable[object]],
    ids: Sequence[str],
    *,
    workers: int,
    calls: int | None = None,
    seconds: float | None = None,
) -> int:
    """Call for one id after the other, round and round, from bounded workers; return how many calls were made."""
    left = iter(range(calls)) if calls is not None else iter(int, 1)
    turns = cycle(ids)
    made = 0

    async def work() -> None:
        nonlocal made
        for _ in left:
            await call(next(turns))
            made += 1

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(*tasks)
    except TimeoutError:
        pass  # the time it was given is over
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return made


def play(events: Sequence[tuple[float, Callable[[], object]]]) -> None:
    """Do each thing at its moment, in seconds from now."""
    started = time.monotonic()
    for at, act in sorted(events, key=lambda event: event[0]):
        time.sleep(max(0.0, started + at - time.monotonic()))
        act()


def spans(times: Sequence[float], start: float, length: float) -> list[int]:
    """Count the `times` in each whole span of `length` from `start` on."""
    whole = int((times[-1] - start) / length) if times else 0
    counts = [0] * max(0, whole)
    for at in times:
        place = int((at - start) // length)
        if 0 <= place < whole:
            counts[place] += 1
    return counts


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of all do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, -int(-share * len(ranked) // 1) - 1)]


def peak_bytes() -> int:
    """Return the most memory this process has held."""
    try:
        # Not ru_maxrss: Linux lets a process begin with that of the process it was forked from (exec_mmap).
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def children_cpu() -> float:
    """Return the CPU seconds of all processes that this one has started and seen end."""
    spent = os.times()
    return spent.children_user + spent.children_system


@dataclass(frozen=True)
class Option:
    """One parameter of a benchmark."""

    name: str
    meaning: str
    full: Any
    quick: Any


class Report:
    """What a benchmark found: printed while it comes, kept for JSON."""

    def __init__(self, name: str, parameters: dict[str, Any]) -> None:
        self.quick = bool(parameters["quick"])
        self.content: dict[str, Any] = {
            "benchmark": name,
            "parameters": parameters,
            "python": platform.python_version(),
            "processors": os.cpu_count(),
            "figures": [],
            "bars": [],
        }
        self.failed = False
        shown = ", ".join(f"{key} {value}" for key, value in parameters.items())
        self._say(f"{name}: {shown}; Python {platform.python_version()}, {os.cpu_count()} processors")

    def figure(self, what: str, values: Sequence[float], unit: str = "") -> float:
        """Show min, median and max of several runs; return the median."""
        low, middle, high = min(values), median(values), max(values)
        self._say(f"  {what}: {low:.4g} / {middle:.4g} / {high:.4g} {unit} (min / median / max of {len(values)})")
        self.content["figures"].append({"what": what, "unit": unit, "values": list(values), "median": middle})
        return float(middle)

    def note(self, text: str) -> None:
        """Show a line that is no figure."""
        self._say(f"  {text}")

    def bar(
        self,
        what: str,
        value: float,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        always: bool = False,
    ) -> None:
        """Hold a value against its bar. A quick run is too short to be judged, except by bars that hold `always`."""
        met = (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
        bounds = (("at least", at_least), ("at most", at_most))
        wanted = " and ".join(f"{words} {bound:.4g}" for words, bound in bounds if bound is not None)
        judged = always or not self.quick
        self.failed = self.failed or (judged and not met)
        verdict = ("met" if met else "MISSED") if judged else "a quick run is not judged"
        self._say(f"  bar: {what}: {value:.4g}, {wanted}: {verdict}")
        self.content["bars"].append({"what": what, "value": value, "wanted": wanted, "met": met, "judged": judged})

    @staticmethod
    def _say(line: str) -> None:
        print(line, flush=True)


def run(
    name: str,
    about: str | None,
    options: Sequence[Option],
    measure: Callable[[argparse.Namespace, Report], None],
    client: Callable[[dict[str, Any]], Coroutine[Any, Any, object]] | None = None,
) -> int:
    """Run a benchmark from its command line: 0 if every bar is met, 1 if not or if something is broken."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=about)
    parser.add_argument("--quick", action="store_true", help="a few seconds to see that it works, not judged")
    parser.add_argument("--json", metavar="FILE", help="write what was found there as well")
    parser.add_argument("--client", help=argparse.SUPPRESS)
    for option in options:
        flag = f"--{option.name.replace('_', '-')}"
        if option.full is False:
            parser.add_argument(flag, action="store_true", help=option.meaning)
        else:
            shown = f"{option.meaning} ({option.full}; quick: {option.quick})"
            parser.add_argument(flag, type=type(option.full), help=shown)
    settings = parser.parse_args()
    if settings.client is not None and client is not None:
        print(msgspec.json.encode(asyncio.run(client(msgspec.json.decode(settings.client)))).decode(), flush=True)
        return 0
    for option in options:
        if getattr(settings, option.name) is None:
            setattr(settings, option.name, option.quick if settings.quick else option.full)
    parameters = {key: value for key, value in vars(settings).items() if key not in {"json", "client"}}
    report, started = Report(name, parameters), time.monotonic()
    # Left as it is, SIGTERM would end this process alone and leave the others behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        measure(settings, report)
    except BenchmarkFailed as failure:
        print(f"  broken: {failure}", flush=True)
        return 1
    report.note(f"took {time.monotonic() - started:.0f} s")
    if settings.json:
        Path(settings.json).write_bytes(msgspec.json.format(msgspec.json.encode(report.content), indent=2))
    return int(report.failed)
