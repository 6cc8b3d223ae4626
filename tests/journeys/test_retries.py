"""What becomes of a call when its first attempt fails, over real sockets and on virtual time."""

import asyncio
import socket

import pytest

from ghl_async.errors import (
    BadRequest,
    ConnectFailed,
    DailyQuotaExhausted,
    DeadlineExceeded,
    ErrorReply,
    Forbidden,
    NoReply,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ScopeMissing,
    ServerError,
    TimedOut,
    Unauthorized,
    Unprocessable,
    WrongLocation,
)
from ghl_async.hooks import QuotaWaited, RequestFinished, RetryScheduled
from ghl_async.wire.retry import RetryPolicy

from .scripted import CREATE, CUT, DELETE, GET, STALL, TOKEN, Rotating, Scripted, answer, client_for, half, says, send

pytestmark = pytest.mark.virtual

PAGE = answer(502, b"<html>bad gateway</html>", Content_Type="text/html")
LIMITS = {"X_RateLimit_Max": "100", "X_RateLimit_Remaining": "50", "X_RateLimit_Interval_Milliseconds": "10000"}

# what the first attempt meets; what an idempotent call ends in; what a create ends in ("done": a second attempt)
MATRIX = {
    "429": (says(429, "Too Many Requests"), "done", "done"),
    "429 with headers": (says(429, "Too Many Requests", **LIMITS), "done", "done"),
    "500": (says(500, "Internal Server Error"), "done", OutcomeUnknown),
    "502 page": (PAGE, "done", OutcomeUnknown),
    "503": (says(503, "try later", Retry_After="5"), "done", OutcomeUnknown),
    "cut before": (CUT, "done", OutcomeUnknown),
    "cut after": (half(answer(200, {"contact": {"id": "abc"}})), "done", OutcomeUnknown),
    "silence": (STALL, "done", OutcomeUnknown),
    "silence after the headers": ((answer(200, b"{}" * 50)[:-40], STALL), "done", OutcomeUnknown),
    "no HTTP": (b"220 mail.example ESMTP\r\n\r\n", "done", OutcomeUnknown),
    "expired token": (says(401, "Invalid JWT"), Unauthorized, Unauthorized),
    "400": (says(400, "bad"), BadRequest, BadRequest),
    "400 not found": (says(400, "Contact with id abc not found"), NotFound, NotFound),
    "401 scope": (says(401, "The token is not authorized for this scope."), ScopeMissing, ScopeMissing),
    "401 location": (says(401, "This location is not accessible from this token!"), WrongLocation, WrongLocation),
    "403 page": (answer(403, b"<html>1010</html>", Content_Type="text/html"), Forbidden, Forbidden),
    "404": (says(404, "Cannot GET /x"), NotFound, NotFound),
    "422": (says(422, ["property x should not exist"]), Unprocessable, Unprocessable),
    "302": (answer(302, b"", Location="/elsewhere"), ErrorReply, ErrorReply),
}
CASES = [
    pytest.param(step, request, outcome, id=f"{name}-{'get' if request is GET else 'create'}")
    for name, (step, *outcomes) in MATRIX.items()
    for request, outcome in zip((GET, CREATE), outcomes, strict=True)
]


@pytest.mark.parametrize(("step", "request_", "outcome"), CASES)
async def test_every_failure_of_a_first_attempt(step, request_, outcome):
    events, held = [], []

    def watch(event):
        events.append(event)
        if isinstance(event, RetryScheduled):
            held.append(len(ghl._transport._session.connector._acquired))

    async with Scripted(step, answer(200, b'{"ok":1}')) as server, client_for(server, hooks=[watch]) as ghl:
        if outcome == "done":
            reply = await send(ghl, request_)
            assert reply.body == b'{"ok":1}'
            assert held == [0]  # no response stays open while waiting
        else:
            with pytest.raises(outcome) as caught:
                await send(ghl, request_)
            assert type(caught.value) is outcome
        attempts = 2 if outcome == "done" else 1
        assert len(server.seen) == attempts
        assert sum(isinstance(event, RequestFinished) for event in events) == attempts
        assert ghl._share.budget.state().free >= 0
        assert ghl._share.budget._in_flight == 0


@pytest.mark.parametrize("request_", [GET, CREATE], ids=["get", "create"])
async def test_where_nobody_listens_nothing_was_sent_and_every_call_is_repeated(request_):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        events = []
        server = Scripted()
        server.base_url = base_url
        async with client_for(server, hooks=[events.append], retry=RetryPolicy(attempts=3)) as ghl:
            with pytest.raises(ConnectFailed, match="nothing was sent"):
                await send(ghl, request_)
            assert [event.failure for event in events if isinstance(event, RetryScheduled)] == ["ConnectFailed"] * 2
            assert ghl._share.budget.is_idle()  # not a slot was used


@pytest.mark.parametrize("attempts", [1, 3])
async def test_the_attempts_of_a_call_are_bounded(attempts):
    async with Scripted(PAGE) as server, client_for(server, retry=RetryPolicy(attempts=attempts)) as ghl:
        with pytest.raises(ServerError):
            await send(ghl)
        assert len(server.seen) == attempts


async def test_after_429s_the_last_one_is_raised_and_each_was_waited_out():
    clock = asyncio.get_running_loop().time
    async with Scripted(says(429, "Too Many Requests")) as server, client_for(server) as ghl:
        started = clock()
        with pytest.raises(RateLimited):
            await send(ghl, CREATE)
        assert clock() - started >= 5 * 10
        assert len(server.seen) == 6


async def test_a_wait_that_the_server_named_is_not_shortened():
    waits = []

    def watch(event):
        if isinstance(event, RetryScheduled):
            waits.append(event.wait_seconds)

    refusals = [says(429, "slow down", Retry_After="37"), says(503, "busy", Retry_After="21")]
    async with Scripted(*refusals, answer()) as server, client_for(server, hooks=[watch]) as ghl:
        await send(ghl)
    assert waits[0] >= 37
    assert waits[1] >= 21


async def test_a_429_holds_the_other_calls_of_the_location_too():
    clock = asyncio.get_running_loop().time
    async with (
        Scripted(answer(**LIMITS), says(429, "slow down", **LIMITS), answer(**LIMITS)) as server,
        client_for(server) as ghl,
        client_for(server) as beside,
    ):
        await send(ghl)
        refused = asyncio.create_task(send(ghl))
        await server.until(2)
        await asyncio.sleep(0.01)
        started = clock()
        await send(beside)
        assert clock() - started >= 9.9
        await refused


@pytest.mark.parametrize(
    "step", [PAGE, CUT, half(answer(200, b"{}" * 9)), STALL], ids=["502", "cut", "half", "silence"]
)
async def test_a_repeated_delete_that_finds_nothing_is_done(step):
    gone = says(400, "Contact with id abc not found")
    async with Scripted(step, gone) as server, client_for(server) as ghl:
        reply = await send(ghl, DELETE)
        assert reply.body == b""
        assert len(server.seen) == 2


@pytest.mark.parametrize("step", [None, says(429, "slow down")], ids=["at once", "after a 429"])
async def test_a_delete_that_finds_nothing_and_was_never_applied_is_not_found(step):
    steps = [each for each in (step, says(404, "not found")) if each]
    async with Scripted(*steps) as server, client_for(server) as ghl:
        with pytest.raises(NotFound):
            await send(ghl, DELETE)


async def test_an_expired_token_is_replaced_once():
    tokens = Rotating("old-token", "new-token", "newer-token")
    steps = [says(401, "Invalid JWT"), answer()]
    async with Scripted(*steps) as server, client_for(server, token=tokens) as ghl:
        await send(ghl)
        assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer old-token", "Bearer new-token"]
        assert tokens.rejected == ["old-token"]


async def test_the_second_refused_token_is_final():
    tokens = Rotating("one-token", "two-token", "three-token")
    async with Scripted(says(401, "Invalid JWT")) as server, client_for(server, token=tokens) as ghl:
        with pytest.raises(Unauthorized):
            await send(ghl, CREATE)
        assert len(server.seen) == 2


@pytest.mark.parametrize("message", ["The token is not authorized for this scope.", "Unauthorized"])
async def test_a_token_is_not_rejected_for_what_another_one_cannot_help(message):
    tokens = Rotating("one-token", "two-token")
    async with Scripted(says(401, message)) as server, client_for(server, token=tokens) as ghl:
        with pytest.raises((ScopeMissing, Unauthorized)):
            await send(ghl)
        assert len(server.seen) == 1
        assert not tokens.rejected


async def test_a_token_given_as_text_is_not_tried_twice():
    async with Scripted(says(401, "Invalid Private Integration token")) as server, client_for(server) as ghl:
        with pytest.raises(Unauthorized, match="Private Integrations"):
            await send(ghl)
        assert len(server.seen) == 1


async def test_a_day_that_is_used_up_is_not_waited_for():
    spent = LIMITS | {"X_RateLimit_Daily_Remaining": "0", "X_RateLimit_Daily_Reset": "7200000"}
    async with Scripted(says(429, "Too Many Requests", **spent)) as server, client_for(server) as ghl:
        for lane in ("interactive", "bulk"):
            with pytest.raises(DailyQuotaExhausted) as caught:
                await send(ghl, GET, lane)
            assert caught.value.remaining == 0
            assert caught.value.resets_at is not None
        assert len(server.seen) == 1


async def test_a_deadline_bounds_the_waits_between_attempts():
    clock = asyncio.get_running_loop().time
    async with Scripted(says(429, "slow", Retry_After="100")) as server, client_for(server, deadline_seconds=30) as ghl:
        with pytest.raises(DeadlineExceeded) as caught:
            await send(ghl, CREATE)
        assert caught.value.deadline_seconds == 30
        assert clock() == pytest.approx(30, abs=1)


async def test_a_deadline_bounds_the_wait_for_quota():
    one = LIMITS | {"X_RateLimit_Max": "1", "X_RateLimit_Remaining": "0"}
    events = []
    async with (
        Scripted(answer(**one)) as server,
        client_for(server, deadline_seconds=4, hooks=[events.append]) as ghl,
    ):
        await send(ghl)
        with pytest.raises(DeadlineExceeded):
            await send(ghl, CREATE)
        assert len(server.seen) == 1
        await asyncio.sleep(6)
        await send(ghl)
        assert any(isinstance(event, QuotaWaited) for event in events)


@pytest.mark.parametrize(("request_", "kind"), [(GET, DeadlineExceeded), (CREATE, OutcomeUnknown)])
async def test_a_deadline_during_an_attempt_leaves_a_create_unknown(request_, kind):
    async with Scripted(STALL) as server, client_for(server, deadline_seconds=5) as ghl:
        with pytest.raises(kind):
            await send(ghl, request_)
        assert len(server.seen) == 1


async def test_an_unknown_outcome_holds_the_draft_and_says_what_happened():
    async with Scripted(CUT) as server, client_for(server) as ghl:
        with pytest.raises(OutcomeUnknown, match="may or may not have been applied") as caught:
            await send(ghl, CREATE)
        assert caught.value.draft == CREATE.body
        assert caught.value.operation == "contacts.create"


async def test_bulk_calls_have_no_deadline_of_their_own_and_interactive_ones_two_minutes():
    clock = asyncio.get_running_loop().time
    steps = [says(429, "slow", Retry_After="500"), answer()]
    async with Scripted(*steps) as server, client_for(server) as ghl:
        await send(ghl, GET, "bulk")
        assert clock() >= 500
    async with Scripted(*steps) as server, client_for(server) as ghl:
        with pytest.raises(DeadlineExceeded, match="120 s"):
            await send(ghl)


async def test_silence_is_told_from_a_cut_answer():
    async with Scripted(STALL) as server, client_for(server, retry=RetryPolicy(attempts=1)) as ghl:
        with pytest.raises(TimedOut):
            await send(ghl)
    async with Scripted(CUT) as server, client_for(server, retry=RetryPolicy(attempts=1)) as ghl:
        with pytest.raises(NoReply) as caught:
            await send(ghl)
        assert type(caught.value) is NoReply
        assert TOKEN not in str(caught.value)
