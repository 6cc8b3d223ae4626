"""The virtual clock itself, and the guard that keeps tests on this machine."""

import asyncio
import contextlib
import socket
import time
from collections import deque

import aiohttp
import pytest
from aiohttp import web
from aiolimiter import AsyncLimiter

from ..clock import VirtualTimeLoop
from ..conftest import is_on_this_machine


@pytest.fixture
def real_seconds():
    """How long the test may really take, however long it waits on the virtual clock."""
    started = time.perf_counter()
    yield
    assert time.perf_counter() - started < 5


async def acquire_instants(limiter, count):
    loop = asyncio.get_running_loop()
    instants = []

    async def one():
        async with limiter:
            instants.append(loop.time())

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(one())
    return instants


def worst_window(instants, seconds):
    inside, worst = deque(), 0
    for instant in instants:
        inside.append(instant)
        while inside[0] <= instant - seconds:
            inside.popleft()
        worst = max(worst, len(inside))
    return worst


@pytest.mark.virtual
@pytest.mark.usefixtures("real_seconds")
class TestVirtualClock:
    async def test_a_marked_test_runs_on_the_virtual_loop(self):
        assert isinstance(asyncio.get_running_loop(), VirtualTimeLoop)

    async def test_a_day_of_sleep_passes_at_once(self):
        loop = asyncio.get_running_loop()
        before = loop.time()
        await asyncio.sleep(86_400)
        assert loop.time() - before == pytest.approx(86_400, abs=0.001)

    async def test_timers_fire_in_the_order_of_their_instants(self):
        order = []

        async def after(seconds):
            await asyncio.sleep(seconds)
            order.append(seconds)

        await asyncio.gather(after(30), after(0.5), after(3600))
        assert order == [0.5, 30, 3600]

    async def test_a_timeout_ends_a_wait_that_nothing_else_would_end(self):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await asyncio.Event().wait()

    @pytest.mark.parametrize(
        ("rate", "period", "worst", "seconds"),
        [(10, 10 / 9, 99, 110), (100, 10, 199, 90), (5, 5 / 9, 94, 110.5), (1, 10 / 99, 99, 101)],
    )
    async def test_a_limiter_with_awkward_fractions_comes_to_its_end(self, rate, period, worst, seconds):
        """An exact virtual clock hangs here; and the counts are those that forbid `AsyncLimiter(100, 10)`."""
        instants = await acquire_instants(AsyncLimiter(rate, period), 1000)
        assert worst_window(instants, 10) == pytest.approx(worst, abs=1)
        assert instants[-1] - instants[0] == pytest.approx(seconds, rel=0.01)

    async def test_client_and_server_talk_over_real_sockets_meanwhile(self):
        async def answer_late(_request):
            await asyncio.sleep(3600)
            return web.Response(text="late")

        app = web.Application()
        app.router.add_get("/", answer_late)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            port = runner.addresses[0][1]
            no_bound = aiohttp.ClientTimeout(total=None)
            async with (
                aiohttp.ClientSession(timeout=no_bound) as session,
                session.get(f"http://127.0.0.1:{port}/") as reply,
            ):
                assert await reply.text() == "late"
            assert asyncio.get_running_loop().time() > 3600
        finally:
            await runner.cleanup()


async def test_an_unmarked_test_runs_on_the_loop_that_users_get():
    assert not isinstance(asyncio.get_running_loop(), VirtualTimeLoop)


@pytest.mark.parametrize("host", [None, "localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_loopback_is_this_machine(host):
    assert is_on_this_machine(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "services.example", "203.0.113.9"])
def test_other_hosts_are_not_this_machine(host):
    assert not is_on_this_machine(host)


def test_a_connection_to_another_machine_is_refused_and_remembered(forbidden_attempts):
    with socket.socket() as sock, pytest.raises(PermissionError, match="stay on this machine"):
        sock.connect(("192.0.2.1", 80))
    with pytest.raises(PermissionError):
        socket.getaddrinfo("services.example", 443)
    assert forbidden_attempts == ["socket.connect 192.0.2.1", "socket.getaddrinfo services.example"]
    forbidden_attempts.clear()


async def test_code_that_swallows_the_refusal_is_still_caught(forbidden_attempts):
    async with aiohttp.ClientSession() as session:
        with contextlib.suppress(aiohttp.ClientError):
            await session.get("http://192.0.2.1/")
    assert forbidden_attempts
    forbidden_attempts.clear()
