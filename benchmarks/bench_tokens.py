"""Tokens that many processes share: the instant at which they end, and SIGKILL while they are renewed.

The herd: processes with many tasks each call at that instant, give or take 20 ms; the server counts the refreshes. It
is the end of the token ("expiry"), the moment at which it is to be renewed ahead of time ("margin"), or a refusal that
no clock has announced ("refused").

The kills: a process renews and another one kills it (SIGKILL), told by a byte of shared memory how far it is. Aimed
ones strike between the answer and the end of the save, random ones at a uniformly random moment of a whole renewal.
Each time a new process starts at once, 30 s of grace before it, and has to go on; some are killed again. Late ones
start when the grace, shortened for it, is over: they must say what to do, and a login must mend it.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from ghl_async import GHLClient
from ghl_async.auth import App, EncryptedFileStore, Key, OAuthClient, SQLiteTokenStore, StoredToken, Tokens
from ghl_async.errors import GHLError

from ._harness import BenchmarkFailed, Client, Option, Progress, Report, Sandbox, run

OPTIONS = (
    Option("stores", "file (encrypted), sqlite or both", "file,sqlite", "file,sqlite"),
    Option("moments", "of the herd: expiry, margin, refused", "expiry,margin,refused", "expiry"),
    Option("processes", "that share a store", 8, 4),
    Option("tasks", "in each of them", 50, 50),
    Option("rounds", "tokens that end one after the other", 5, 1),
    Option("life", "of each token in the herd, in seconds", 3.0, 2.0),
    Option("kills", "how often to kill between answer and save, for each store", 50, 1),
    Option("random_kills", "how often at a random moment", 50, 1),
    Option("late_kills", "how often so that the grace is over", 10, 1),
    Option("again", "share of the kills after which the next process is killed too", 0.3, 0.0),
    Option("seed", "of the moments", 1, 1),
)
PLENTY = 1_000_000_000
SPREAD_SECONDS = 0.020
"""The tasks come so much before or after the instant."""
TIMEOUT_SECONDS = 60.0
KILLED_LIFE = 0.6
"""Seconds that a token lives where processes are killed: each one that starts has to renew."""
LATENCY = 0.010
DAWDLE_SECONDS = 0.050
"""How long the answer lies there unsaved, so that an aimed kill can meet it."""
GRACE_SECONDS = 30.0
SHORT_GRACE_SECONDS = 0.1
ADVICE = "log in again: ghl-async login"

# What the byte says.
STARTING, OUTSIDE, MARKING, ASKING, ANSWERED, SAVING, SAVED, ENDED = range(8)
NAMES = ("starting", "outside", "marking", "asking", "answered", "saving", "saved", "ended")
UNSAVED = {ANSWERED, SAVING}

_Store = EncryptedFileStore | SQLiteTokenStore


def _store(spec: dict[str, Any]) -> _Store:
    path = Path(spec["folder"], "tokens")
    if spec["store"] == "sqlite":
        return SQLiteTokenStore(path)
    return EncryptedFileStore(path, key=spec["sealing_key"])


def _app(spec: dict[str, Any]) -> App:
    return App(spec["client_id"], spec["client_secret"], base_url=spec["base_url"])


def _key(spec: dict[str, Any]) -> Key:
    return Key(spec["client_id"], "location", spec["location_id"])


async def client(spec: dict[str, Any]) -> dict[str, Any]:
    """Be one process of the herd, or one that renews and may be killed."""
    return await (_one_of_the_herd(spec) if spec["part"] == "herd" else _one_renewal(spec))


class _Late:
    """A renewer whose tokens claim to live an hour longer than they do."""

    def __init__(self, oauth: OAuthClient, more_seconds: float) -> None:
        self._oauth = oauth
        self._more = more_seconds
        self.keep, self.is_outdated = oauth.keep, oauth.is_outdated

    async def renew(self, key: Key, tokens: Tokens | None, /) -> Tokens:
        """Renew, and say something else."""
        renewed = await self._oauth.renew(key, tokens)
        return msgspec.structs.replace(renewed, expires_at=(renewed.expires_at or 0.0) + self._more)


def _say_ready(spec: dict[str, Any]) -> None:
    Path(spec["folder"], f"ready-{spec['number']}").touch()


async def _one_of_the_herd(spec: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"failures": [], "late": 0, "slowest": []}
    async with _store(spec) as store, OAuthClient(_app(spec)) as oauth:
        _say_ready(spec)
        while await store.load(_key(spec)) is None:  # noqa: ASYNC110  (another process puts it there)
            await asyncio.sleep(0.05)
        margin = 0.0 if spec["moment"] == "expiry" else spec["life"]
        source = StoredToken(store, _key(spec), _Late(oauth, spec["claimed"]), margin_seconds=margin)
        async with GHLClient(source, location_id=spec["location_id"], base_url=spec["base_url"]) as ghl:
            await ghl.contacts.get(spec["id"])  # the connection stands, the limits and the token are known
            for _ in range(spec["rounds"]):
                kept = await store.load(_key(spec))
                assert kept is not None  # noqa: S101  (it was there)
                ends_at = (kept.expires_at or 0.0) - spec["claimed"]
                instant = ends_at - spec["life"] / 10 if spec["moment"] == "margin" else ends_at
                found["late"] += time.time() > instant - SPREAD_SECONDS
                calls = [_call(ghl, spec["id"], instant) for _ in range(spec["tasks"])]
                said = await asyncio.gather(*calls, return_exceptions=True)
                found["failures"] += [f"{type(each).__name__}: {each}" for each in said if each is not None]
                found["slowest"].append(time.time() - instant)
    return found


async def _call(ghl: GHLClient, contact_id: str, instant: float) -> None:
    await asyncio.sleep(instant + random.uniform(-SPREAD_SECONDS, SPREAD_SECONDS) - time.time())
    await ghl.contacts.get(contact_id)


class _Watched:
    """A store and a renewer that say how far they are."""

    def __init__(self, store: _Store, oauth: OAuthClient, progress: Progress, dawdle_seconds: float) -> None:
        self._store = store
        self._oauth = oauth
        self._progress = progress
        self._dawdle_seconds = dawdle_seconds
        self.keep, self.is_outdated = oauth.keep, oauth.is_outdated
        self.load, self.delete, self.keys, self.close = store.load, store.delete, store.keys, store.close

    def lock(self, key: Key, /) -> AbstractAsyncContextManager[None]:
        """As it is."""
        return self._store.lock(key)

    async def save(self, key: Key, tokens: Tokens, /) -> None:
        """Save the mark or the pair."""
        before, after = (SAVING, SAVED) if tokens.refresh_began_at is None else (MARKING, OUTSIDE)
        self._progress.now = before
        await self._store.save(key, tokens)
        self._progress.now = after

    async def renew(self, key: Key, tokens: Tokens | None, /) -> Tokens:
        """Renew, and dawdle."""
        self._progress.now = ASKING
        renewed = await self._oauth.renew(key, tokens)
        self._progress.now = ANSWERED
        await asyncio.sleep(self._dawdle_seconds)
        return renewed


async def _one_renewal(spec: dict[str, Any]) -> dict[str, Any]:
    error: GHLError | None = None
    with Progress(Path(spec["folder"], "progress")) as progress:
        async with _store(spec) as store, OAuthClient(_app(spec)) as oauth:
            kept = await store.load(_key(spec))
            if kept is None:
                raise BenchmarkFailed("there are no tokens")
            await asyncio.sleep((kept.expires_at or 0.0) - time.time())
            progress.now = OUTSIDE
            watched = _Watched(store, oauth, progress, spec["dawdle"])
            source = StoredToken(watched, _key(spec), watched)
            async with GHLClient(source, location_id=spec["location_id"], base_url=spec["base_url"]) as ghl:
                try:
                    await ghl.contacts.get(spec["id"])
                except GHLError as caught:
                    error = caught
            progress.now = ENDED
    return {"error": None if error is None else type(error).__name__, "said": str(error)}


def measure(settings: Namespace, report: Report) -> None:
    """Do both for each store."""
    for store in settings.stores.split(","):
        for moment in settings.moments.split(","):
            _herd(settings, report, store, moment)
        _kill(settings, report, store)


def _spec(stack: ExitStack, sandbox: Sandbox, store: str, **more: object) -> dict[str, Any]:
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    key = EncryptedFileStore.new_key()
    return sandbox.spec(folder=folder, store=store, sealing_key=key, id=sandbox.ids(1)[0]) | more


async def _log_in(sandbox: Sandbox, spec: dict[str, Any], claimed: float = 0.0) -> None:
    code = sandbox.ask("POST", "authorize", {"location_id": spec["location_id"]})["code"]
    async with OAuthClient(_app(spec)) as oauth, _store(spec) as store:
        grant = await oauth.exchange(code)
        more = {"expires_at": (grant.tokens.expires_at or 0.0) + claimed}
        await store.save(grant.key, msgspec.structs.replace(grant.tokens, **more))


def _herd(settings: Namespace, report: Report, store: str, moment: str) -> None:
    # A token that is refused soon after the last refusal is not renewed: one round of that is all there can be.
    rounds = 1 if moment == "refused" else settings.rounds
    with ExitStack() as stack:
        sandbox = stack.enter_context(
            Sandbox(contacts=10, requests=PLENTY, interval_seconds=1, daily=PLENTY, access_token_seconds=settings.life)
        )
        claimed = 3600.0 if moment == "refused" else 0.0
        spec = _spec(
            stack, sandbox, store, part="herd", moment=moment, claimed=claimed, rounds=rounds,
            tasks=settings.tasks, life=settings.life,
        )  # fmt: skip
        processes = [
            stack.enter_context(Client("bench_tokens", spec | {"number": number}))
            for number in range(settings.processes)
        ]
        give_up = time.monotonic() + TIMEOUT_SECONDS
        while len(list(Path(spec["folder"]).glob("ready-*"))) < settings.processes:
            if time.monotonic() > give_up:
                raise BenchmarkFailed("the processes do not start")
            time.sleep(0.01)
        asyncio.run(_log_in(sandbox, spec, claimed))
        found = [process.result(TIMEOUT_SECONDS + rounds * settings.life) for process in processes]
        asked = sum(entry["template"] == "POST /oauth/token" for entry in sandbox.log()) - 1
        counts = sandbox.ask("GET", "counts")
    failures = [failure for each in found for failure in each["failures"]]
    for failure in sorted(set(failures))[:5]:
        report.note(f"{failures.count(failure)} times {failure}")
    name = f"{store}, {moment}"
    report.figure(f"{name}: from the instant until all are served", [s for each in found for s in each["slowest"]], "s")
    report.note(
        f"{name}: {settings.processes} x {settings.tasks} calls, {rounds} times; replies by status"
        f" {counts['by_status']}; came late: {sum(each['late'] for each in found)}"
    )
    report.bar(
        f"{name}: refresh requests for each token that ended", asked / rounds, at_least=1, at_most=1, always=True
    )
    report.bar(f"{name}: calls that failed", len(failures), at_most=0, always=True)
    report.bar(f"{name}: processes that came too late for the instant", sum(f["late"] for f in found), at_most=0)


class _Kills:
    """Starts, kills, starts again and counts."""

    def __init__(self, settings: Namespace, sandbox: Sandbox, spec: dict[str, Any]) -> None:
        self._again = settings.again
        self._dice = random.Random(settings.seed)
        self._sandbox = sandbox
        self._spec = spec
        self._progress = Path(spec["folder"], "progress")
        self._seconds = 0.0
        self.struck: list[int] = []
        self.wrong: list[str] = []
        """What a process said that neither went on nor told what to do."""

    def time(self) -> float:
        """Measure an undisturbed renewal."""
        with ExitStack() as stack:
            progress, process, started = self._start(stack)
            while progress.now != ENDED and process.is_alive:
                time.sleep(0.0005)
            self._seconds = time.monotonic() - started
            self._went_on(process)
        return self._seconds

    def recovered(self, *, aimed: bool) -> bool:
        """Kill once or more and start again; whether the last one went on by itself. No kill is no recovery."""
        struck = self._strike(aimed=aimed)
        while struck and self._dice.random() < self._again:
            self._strike(aimed=aimed)
        with ExitStack() as stack:
            _, process, _ = self._start(stack)
            return self._went_on(process) and struck

    def told(self) -> bool:
        """Kill, let the grace pass and start twice; whether both said what to do and a login mended it."""
        self._sandbox.ask("PUT", "oauth", {"refresh_grace_seconds": SHORT_GRACE_SECONDS})
        struck = self._strike(aimed=True)
        time.sleep(SHORT_GRACE_SECONDS)
        said = []
        for _ in range(2):
            with ExitStack() as stack:
                _, process, _ = self._start(stack)
                said.append(process.result(TIMEOUT_SECONDS))
        told = all(each["error"] == "InvalidGrant" and ADVICE in each["said"] for each in said)
        # The save may have been complete when the kill came.
        told = told or all(each["error"] is None for each in said)
        if not told:
            self.wrong.append(f"after the grace: {said}")
        self._sandbox.ask("PUT", "oauth", {"refresh_grace_seconds": GRACE_SECONDS})
        asyncio.run(_log_in(self._sandbox, self._spec))
        with ExitStack() as stack:
            _, process, _ = self._start(stack)
            return self._went_on(process) and told and struck

    def _strike(self, *, aimed: bool) -> bool:
        """Start, wait for the moment and kill; return whether it struck where it was meant to."""
        place = self._dice.choice([ANSWERED, ANSWERED, SAVING])
        moment = self._dice.uniform(0.0, self._seconds)
        with ExitStack() as stack:
            progress, process, started = self._start(stack, DAWDLE_SECONDS if aimed and place == ANSWERED else 0.0)
            if aimed:
                while progress.now < place and process.is_alive:
                    pass
            else:
                time.sleep(max(0.0, started + moment - time.monotonic()))
            was_alive = process.kill()
            self.struck.append(progress.now)
            return was_alive and (progress.now in UNSAVED if aimed else progress.now != ENDED)

    def _start(self, stack: ExitStack, dawdle: float = 0.0) -> tuple[Progress, Client, float]:
        self._progress.write_bytes(bytes([STARTING]))
        progress = stack.enter_context(Progress(self._progress))
        process = stack.enter_context(Client("bench_tokens", self._spec | {"dawdle": dawdle}))
        give_up = time.monotonic() + TIMEOUT_SECONDS
        while progress.now == STARTING and process.is_alive and time.monotonic() < give_up:
            time.sleep(0.0005)
        return progress, process, time.monotonic()

    def _went_on(self, process: Client) -> bool:
        found = process.result(TIMEOUT_SECONDS)
        if found["error"] is not None:
            self.wrong.append(f"{found['error']}: {found['said']}")
        return found["error"] is None


def _kill(settings: Namespace, report: Report, store: str) -> None:
    with ExitStack() as stack:
        sandbox = stack.enter_context(
            Sandbox(
                contacts=10, requests=PLENTY, interval_seconds=1, daily=PLENTY, latency_seconds=LATENCY,
                access_token_seconds=KILLED_LIFE, refresh_grace_seconds=GRACE_SECONDS,
            )
        )  # fmt: skip
        spec = _spec(stack, sandbox, store, part="renewal", dawdle=0.0)
        asyncio.run(_log_in(sandbox, spec))
        kills = _Kills(settings, sandbox, spec)
        report.figure(f"{store}: an undisturbed renewal and a call", [kills.time() for _ in range(2)], "s")
        aimed, at_random = partial(kills.recovered, aimed=True), partial(kills.recovered, aimed=False)
        _judge(report, f"{store}: killed between answer and save: went on by itself", aimed, kills, settings.kills)
        _judge(report, f"{store}: killed at random: went on by itself", at_random, kills, settings.random_kills)
        _judge(report, f"{store}: killed and the grace over: said what to do", kills.told, kills, settings.late_kills)
        counts = sandbox.ask("GET", "oauth")["counts"]
    for wrong in kills.wrong[:10]:
        report.note(wrong)
    report.note(f"{store}: the server's counts: {counts}")


def _judge(report: Report, name: str, kill: Callable[[], bool], kills: _Kills, wanted: int) -> None:
    before = len(kills.struck)
    well, tries = 0, 0
    # A kill may come too late for where it was meant to strike.
    while well < wanted and tries < 2 * wanted + 5 and not kills.wrong:
        well += kill()
        tries += 1
    struck = kills.struck[before:]
    report.note(
        f"{name}: {len(struck)} kills struck "
        + ", ".join(f"{struck.count(i)} {n}" for i, n in enumerate(NAMES) if i in struck)
    )
    report.bar(name, well, at_least=wanted, always=True)
    report.bar(f"{name}: did not", len(kills.wrong), at_most=0, always=True)


if __name__ == "__main__":
    sys.exit(run("bench_tokens", __doc__, OPTIONS, measure, client))
