"""What our pipeline costs: CPU of `contacts.get` in the client process against bare aiohttp and msgspec.

Bare is `ClientSession().get` with the very same headers, and msgspec into the same Struct inside an envelope. The two
take turns in one client process; the server, with a quota that is never used up, is another process.
"""

from __future__ import annotations

import asyncio
import cProfile
import gc
import io
import pstats
import sys
import time
from argparse import Namespace
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import aiohttp
import msgspec

from ghl_async import GHLClient
from ghl_async.models import Contact
from ghl_async.wire.dialect import GHLDialect
from ghl_async.wire.request import Request

from ._harness import Client, Option, Report, Sandbox, connect, fan_out, run

OPTIONS = (
    Option("calls", "calls in one run", 3000, 200),
    Option("rounds", "runs of each of the two, in turns", 7, 2),
    Option("ids", "different contacts", 500, 100),
    Option("concurrency", "calls side by side, several with commas", "1,10", "1,10"),
    Option("profile", "show where the time goes instead of measuring it", full=False, quick=False),
)
PLENTY = 1_000_000_000
INTERVAL = 0.1
"""Short, so that the budget remembers some hundreds of requests, as it does in real life, and not ten thousands."""
BAR = 1.25
SHOWN = 45


class _Reply(msgspec.Struct):
    contact: Contact


async def client(spec: dict[str, Any]) -> dict[str, Any]:
    """Measure both, in microseconds of CPU a request: {concurrency: {"ours": [...], "bare": [...]}}."""
    decode = msgspec.json.Decoder(_Reply, strict=False).decode
    request = Request(operation="contacts.get", method="GET", template="/contacts/{contactId}", ids=("any",))
    headers = GHLDialect(spec["base_url"]).headers(request, spec["token"])
    address = spec["base_url"] + "/contacts/"

    async with connect(spec) as ghl, aiohttp.ClientSession() as session:

        async def bare(contact_id: str) -> Contact:
            async with session.get(address + contact_id, headers=headers) as response:
                return decode(await response.read()).contact

        ids = [each for each in spec["ids"] if await _is_plain(bare, each)]
        await fan_out(ghl.contacts.get, ids, workers=1, calls=len(ids))
        if spec["profile"]:
            return {"profile": [await _profile(call, spec, ids) for call in (ghl.contacts.get, bare)]}
        return {"ids": len(ids)} | {
            str(workers): await _in_turns(ghl, bare, spec, ids, workers) for workers in spec["concurrency"]
        }


async def _is_plain(bare: Callable[[str], Awaitable[Contact]], contact_id: str) -> bool:
    # A few contacts hold numbers where text is promised, as in real locations; the bare decoder refuses those.
    try:
        await bare(contact_id)
    except msgspec.ValidationError:
        return False
    return True


async def _in_turns(
    ghl: GHLClient, bare: Callable[[str], Awaitable[Contact]], spec: dict[str, Any], ids: list[str], workers: int
) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(spec["rounds"]):
        for name, call in (("ours", ghl.contacts.get), ("bare", bare)):
            gc.collect()
            before = time.process_time()
            made = await fan_out(call, ids, workers=workers, calls=spec["calls"])
            found[name].append((time.process_time() - before) / made * 1e6)
    return found


async def _profile(call: Callable[[str], Awaitable[Contact]], spec: dict[str, Any], ids: list[str]) -> str:
    profile = cProfile.Profile()
    await asyncio.sleep(0)
    profile.enable()
    await fan_out(call, ids, workers=1, calls=spec["calls"])
    profile.disable()
    text = io.StringIO()
    pstats.Stats(profile, stream=text).strip_dirs().sort_stats("tottime").print_stats(SHOWN)
    return text.getvalue()


def measure(settings: Namespace, report: Report) -> None:
    """Let one client process measure both."""
    concurrency = [int(each) for each in settings.concurrency.split(",")]
    with Sandbox(contacts=settings.ids, requests=PLENTY, interval_seconds=INTERVAL, daily=PLENTY) as sandbox:
        spec = sandbox.spec(
            ids=sandbox.ids(settings.ids),
            calls=settings.calls,
            rounds=settings.rounds,
            concurrency=concurrency,
            profile=settings.profile,
        )
        with Client("bench_request", spec) as process:
            found = process.result(60 + settings.calls * settings.rounds * len(concurrency) * 2 * 0.01)
        statuses = sandbox.ask("GET", "counts")["by_status"]
    if settings.profile:
        for name, lines in zip(("ours", "bare"), found["profile"], strict=True):
            print(f"--- {name}\n{lines}")
        return
    report.note(f"{found['ids']} of {settings.ids} contacts; replies by status {statuses}")
    for workers in concurrency:
        both = found[str(workers)]
        report.figure(f"ours, {workers} at once", both["ours"], "us of CPU a request")
        report.figure(f"bare, {workers} at once", both["bare"], "us of CPU a request")
        pairs = [ours / bare for ours, bare in zip(both["ours"], both["bare"], strict=True)]
        report.figure(f"ours to bare, {workers} at once, by rounds", pairs, "times")
        report.bar(f"ours to bare, {workers} at once", median(both["ours"]) / median(both["bare"]), at_most=BAR)


if __name__ == "__main__":
    sys.exit(run("bench_request", __doc__, OPTIONS, measure, client))
