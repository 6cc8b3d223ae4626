"""A thousand locations in one process: whether the good ones finish as if alone, beside throttled and refusing ones.

Each location reads contacts in the bulk lane at its full quota, which is scaled down (a tenth of the vendor's by
default, the company's too) so that one server process can answer all of them. Some of their tokens end meanwhile. Some
locations are in trouble all the time: throttled by another program that uses up their quota or by a server that always
answers 429, stuck (an answer takes as long as a third of the run), or refusing (paused, uninstalled, without the scope,
closed, never content with the token). Their callers come again half a second after each error.

"Alone" is one location in a process of its own at the same quota: how long it takes for as many calls. The CPU of a
request is compared with that of one location whose quota is as large as that of all together, so both processes make
requests at the same rate; that one is measured before and after. Everything is counted by the server's log, but the
CPU and the delay of the event loop (how late a timer of 10 ms fires).
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from ghl_async import GHLClient
from ghl_async.auth import Agency, App, Key, OAuthClient, SQLiteTokenStore, Tokens
from ghl_async.errors import GHLError

from ._harness import Client, Option, Report, Sandbox, fan_out, percentile, run

OPTIONS = (
    Option("locations", "in good order", 985, 200),
    Option("throttled", "locations, half of them by another program", 10, 10),
    Option("stuck", "locations", 5, 5),
    Option("interval", "length of the window in seconds, W", 10.0, 1.0),
    Option("requests_per_interval", "what the server grants each location, N", 10, 4),
    Option("windows", "how many windows the calls of a location take at least", 6, 4),
    Option("ending", "tokens that end meanwhile and are got anew", 20, 5),
    Option("workers", "calls of a location side by side", 2, 2),
    Option("profile", "show where the time of the thousand goes", full=False, quick=False),
)
PLENTY = 1_000_000_000
WORKERS_ALONE = 64
TICK_SECONDS = 0.010
AGAIN_SECONDS = 0.5
SINGLE_SHARE = 0.25
"""Of the calls of all, for each measurement of one location."""
AS_IF_ALONE = 1.05
DELAY_SECONDS = 0.050
CPU = 1.3
SHOWN = 60
ONE: tuple[int, int | None] = (0, 1)
ALL: tuple[int, int | None] = (1, None)


class Place(msgspec.Struct):
    """One location of the benchmark."""

    id: str
    contact_id: str
    token: str | None
    """None: there is none in the store."""
    ends_in: float = 86_400.0
    trouble: str | None = None


def _app(spec: dict[str, Any]) -> App:
    return App(spec["client_id"], spec["client_secret"], base_url=spec["base_url"])


def _places(spec: dict[str, Any]) -> list[Place]:
    return msgspec.json.decode(Path(spec["places"]).read_bytes(), type=list[Place])


async def client(spec: dict[str, Any]) -> dict[str, Any]:
    """Serve some locations from one agency; return how long each took, the CPU, the delays and the errors."""
    places = _places(spec)[slice(*spec["chosen"])]
    app = _app(spec)
    if not spec["profile"]:
        return await _served(spec, app, places)
    import cProfile
    import pstats

    profile = cProfile.Profile()
    profile.enable()
    found = await _served(spec, app, places)
    profile.disable()
    pstats.Stats(profile, stream=sys.stderr).strip_dirs().sort_stats("tottime").print_stats(SHOWN)
    return found


async def _served(spec: dict[str, Any], app: App, places: Sequence[Place]) -> dict[str, Any]:
    errors: dict[str, Counter[str]] = {}
    delays: list[float] = []
    async with (
        SQLiteTokenStore(spec["store"]) as store,
        Agency(app, spec["company_id"], store) as agency,
        AsyncExitStack() as stack,
    ):
        ticking = asyncio.create_task(_tick(delays))
        cpu, started = time.process_time(), time.monotonic()
        clients = [await stack.enter_async_context(GHLClient.of(agency, place.id)) for place in places]
        pairs = list(zip(places, clients, strict=True))
        troubled = [
            asyncio.create_task(_try(ghl, place, errors.setdefault(place.trouble, Counter())))
            for place, ghl in pairs
            if place.trouble is not None
        ]
        seconds = await asyncio.gather(
            *(_finish(ghl, place, spec, started) for place, ghl in pairs if place.trouble is None)
        )
        cpu = time.process_time() - cpu
        for task in (*troubled, ticking):
            task.cancel()
        await asyncio.gather(*troubled, ticking, return_exceptions=True)
        requests = sum(ghl.stats.requests for ghl in clients)
    return {"seconds": seconds, "cpu": cpu, "requests": requests, "delays": delays, "errors": errors}


async def _finish(ghl: GHLClient, place: Place, spec: dict[str, Any], started: float) -> float:
    await fan_out(ghl.background.contacts.get, [place.contact_id], workers=spec["workers"], calls=spec["calls"])
    return time.monotonic() - started


async def _try(ghl: GHLClient, place: Place, errors: Counter[str]) -> None:
    while True:
        try:
            await ghl.background.contacts.get(place.contact_id)
            errors["no error"] += 1
        except GHLError as error:
            errors[type(error).__name__] += 1
            await asyncio.sleep(AGAIN_SECONDS)


async def _tick(delays: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + TICK_SECONDS
        await asyncio.sleep(TICK_SECONDS)
        delays.append(loop.time() - due)


class _Setting:
    """The sandbox with its locations, and the store with their tokens."""

    def __init__(self, settings: Namespace, sandbox: Sandbox, folder: Path) -> None:
        self._settings = settings
        self.sandbox = sandbox
        self._store = folder / "tokens.db"
        self._places = folder / "places.json"
        self.calls = settings.requests_per_interval * settings.windows
        self.seconds = settings.windows * settings.interval
        """How long the calls of a location take at least."""
        troubles = ["429"] * (settings.throttled // 2) + ["spent"] * (settings.throttled - settings.throttled // 2)
        troubles += ["stuck"] * settings.stuck + ["paused", "uninstalled", "no scope", "closed", "token refused"]
        # The first one is for the measurements of one: what it has used up must not be missing afterwards.
        ordinary = [self._place(None) for _ in range(settings.locations + 1)]
        for number, place in enumerate(ordinary[1 : settings.ending + 1]):
            place.ends_in = self.seconds * (0.2 + 0.6 * number / settings.ending)
        self.places = ordinary + [self._place(trouble) for trouble in troubles]
        self.several = len(self.places) - 1
        self._places.write_bytes(msgspec.json.encode(self.places))
        self._code = sandbox.ask("POST", "authorize", {"company_id": sandbox.spec()["company_id"]})["code"]
        for place in self.places[settings.locations + 1 :]:
            self._trouble(place)

    def _place(self, trouble: str | None) -> Place:
        ask = self.sandbox.ask
        location_id = ask("POST", "locations", {"contacts": 1})["id"]
        contact_id = ask("GET", "truth", location=location_id, limit=1)["contacts"][0]["contact"]["id"]
        token = None
        if trouble not in {"paused", "uninstalled"}:
            app = self.sandbox.spec()["client_id"]
            token = ask("POST", "tokens", {"locations": [location_id], "app": app})["token"]
        return Place(location_id, contact_id, token, trouble=trouble)

    def _trouble(self, place: Place) -> None:
        """Have the server make it."""
        ask, third = self.sandbox.ask, self.seconds / 3
        if place.trouble == "paused":
            ask("PUT", f"locations/{place.id}", {"active": False})
        elif place.trouble == "uninstalled":
            ask("POST", "uninstall", {"location_id": place.id})
        elif place.trouble != "spent":
            fault = {
                "429": {"kind": "too_many_requests"},
                "stuck": {"kind": "slow", "seconds": third},
                "no scope": {"kind": "refused", "status": 401},
                "closed": {"kind": "refused", "status": 403},
                "token refused": {"kind": "expired_token"},
            }[place.trouble or ""]
            ask("POST", "faults", fault | {"path_contains": place.contact_id})

    async def log_in(self) -> None:
        """Save the company's tokens."""
        async with SQLiteTokenStore(self._store) as store, OAuthClient(_app(self.sandbox.spec())) as oauth:
            grant = await oauth.exchange(self._code)
            await store.save(grant.key, grant.tokens)

    async def fill(self) -> None:
        """Save the locations' tokens; those that end in the run begin now."""
        client_id, now = self.sandbox.spec()["client_id"], time.time()
        async with SQLiteTokenStore(self._store) as store:
            for place in self.places:
                if place.token is not None:
                    ends_at = now + place.ends_in
                    tokens = Tokens(access_token=place.token, expires_at=ends_at, issued_at=ends_at - self.seconds)
                    await store.save(Key(client_id, "location", place.id), tokens)

    def run(self, chosen: tuple[int, int | None], calls: int, workers: int) -> dict[str, Any]:
        """Let a process serve some locations; its result, and what the server counted, by status."""
        self.sandbox.ask("DELETE", "log")
        spec = self.sandbox.spec(
            places=str(self._places), store=str(self._store), chosen=chosen, calls=calls, workers=workers,
            profile=self._settings.profile and chosen == ALL,
        )  # fmt: skip
        over = threading.Event()
        spending = threading.Thread(target=self._spend, args=(over,))
        with Client("bench_agency", spec) as process:
            spending.start()
            try:
                found: dict[str, Any] = process.result(60 + 3 * self.seconds)
            finally:
                over.set()
                spending.join()
        found["counts"] = self.sandbox.ask("GET", "counts")
        return found

    def _spend(self, over: threading.Event) -> None:
        """Be the other program that uses up the quota of some."""
        spent = [place.id for place in self.places if place.trouble == "spent"]
        while not over.wait(self._settings.interval / 4):
            for location in spent:
                body = {"location": location, "app": self.sandbox.spec()["client_id"]}
                self.sandbox.ask("POST", "spend", body | {"requests": self._settings.requests_per_interval})


def measure(settings: Namespace, report: Report) -> None:
    """Alone, one with the quota of all, all, and one with the quota of all again."""
    granted, interval = settings.requests_per_interval, settings.interval
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(contacts=1, requests=granted, interval_seconds=interval, daily=PLENTY) as sandbox,
    ):
        setting = _Setting(settings, sandbox, Path(folder))
        asyncio.run(setting.log_in())
        asyncio.run(setting.fill())
        several = setting.several
        report.note(
            f"{several} locations, {granted} requests in {interval:g} s each (the vendor's 100 in 10 s, scaled):"
            f" {several * granted / interval:.0f} a second together"
        )
        alone = setting.run(ONE, setting.calls, settings.workers)
        singles = [_single(settings, setting)]
        asyncio.run(setting.fill())
        found = setting.run(ALL, setting.calls, settings.workers)
        singles.append(_single(settings, setting))
    _judge(settings, report, alone, singles, found)


def _single(settings: Namespace, setting: _Setting) -> dict[str, Any]:
    """One location that has the quota of all."""
    several, granted = setting.several, settings.requests_per_interval
    setting.sandbox.ask("PUT", "limits", {"requests": granted * several})
    found = setting.run(ONE, int(setting.calls * several * SINGLE_SHARE), WORKERS_ALONE)
    setting.sandbox.ask("PUT", "limits", {"requests": granted})
    return found


def _cpu(found: dict[str, Any]) -> float:
    return float(found["cpu"] / found["counts"]["requests"] * 1e6)


def _judge(
    settings: Namespace, report: Report, alone: dict[str, Any], singles: list[dict[str, Any]], found: dict[str, Any]
) -> None:
    for name, each in (("alone", alone), ("all", found)):
        report.note(f"{name}: replies by status {each['counts']['by_status']}")
    for trouble, errors in found["errors"].items():
        report.note(f"{trouble}: {dict(errors)}")
    seconds, lonely = found["seconds"], alone["seconds"][0]
    report.note(f"alone: {lonely:.2f} s for {settings.requests_per_interval * settings.windows} calls")
    report.figure("all: seconds until a location has finished, to alone", [each / lonely for each in seconds], "times")
    ending = seconds[: settings.ending]
    report.figure("those among them whose token ended", [each / lonely for each in ending], "times")
    report.figure("alone with the quota of all: CPU", [_cpu(each) for each in singles], "us a request")
    report.figure("all: CPU", [_cpu(found)], "us a request")
    report.note(f"all: {sum(found['counts']['by_status'].values()) / max(seconds):.0f} requests a second")
    delays = found["delays"]
    of_single = [delay for each in singles for delay in each["delays"]]
    for share in (0.5, 0.9, 0.99, 1.0):
        report.note(
            f"delay of the event loop, p{share * 100:g}: all {percentile(delays, share) * 1000:.1f} ms,"
            f" one with the quota of all {percentile(of_single, share) * 1000:.1f} ms"
        )
    report.bar("locations that finished", len(seconds), at_least=settings.locations, always=True)
    report.bar("the slowest location, to alone", max(seconds) / lonely, at_most=AS_IF_ALONE)
    report.bar("delay of the event loop in seconds, p99", percentile(delays, 0.99), at_most=DELAY_SECONDS)
    ratio = _cpu(found) / median(_cpu(each) for each in singles)
    report.bar("CPU of a request, to one location", ratio, at_most=CPU)


if __name__ == "__main__":
    sys.exit(run("bench_agency", __doc__, OPTIONS, measure, client))
