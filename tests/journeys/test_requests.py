"""What goes over the wire and what comes back, one attempt at a time."""

import asyncio

import msgspec
import pytest

from ghl_async.errors import DeadlineExceeded, ErrorReply, Forbidden, GHLError, NoReply, NoToken, TimedOut, UsageError
from ghl_async.hooks import LimitsLearned, RequestFinished, RetryScheduled
from ghl_async.wire.dialect import GHLDialect
from ghl_async.wire.limiter import Budget
from ghl_async.wire.retry import RetryPolicy
from ghl_async.wire.transport import Transport

from .scripted import CREATE, CUT, GET, STALL, TOKEN, Rotating, Scripted, answer, client_for, says, send

pytestmark = pytest.mark.virtual

ONE_TRY = RetryPolicy(attempts=1)
LIMITS = {"X_RateLimit_Max": "3", "X_RateLimit_Remaining": "2", "X_RateLimit_Interval_Milliseconds": "10000"}


def with_fields(request, **fields):
    return msgspec.structs.replace(request, **fields)


async def test_a_request_carries_token_version_and_our_own_name():
    async with Scripted() as server, client_for(server) as ghl:
        await send(ghl)
        await send(ghl, with_fields(CREATE, version="2021-04-15"))
    read, written = server.seen
    assert (read.method, read.target, read.body) == ("GET", "/contacts/abc", b"")
    assert read.headers["authorization"] == f"Bearer {TOKEN}"
    assert read.headers["version"] == "2021-07-28"
    assert read.headers["user-agent"].startswith("ghl_async/")
    assert "content-type" not in read.headers
    assert "cookie" not in read.headers
    assert (written.method, written.body) == ("POST", b'{"email":"x@y.example"}')
    assert written.headers["version"] == "2021-04-15"
    assert written.headers["content-type"] == "application/json"


async def test_one_version_can_move_the_whole_client():
    async with Scripted() as server, client_for(server, api_version="v3") as ghl:
        await send(ghl, with_fields(GET, version="2021-04-15"))
        await send(ghl, GET, "bulk")
    assert {seen.headers["version"] for seen in server.seen} == {"v3"}


async def test_a_query_value_arrives_as_it_was_given():
    values = (("number", "+1 555"), ("email", "a+b@y.example"), ("q", "ä&b=c#d?e/f%20"), ("empty", ""))
    async with Scripted() as server, client_for(server) as ghl:
        await send(ghl, with_fields(GET, query=values))
    assert server.seen[0].target == (
        "/contacts/abc?number=%2B1%20555&email=a%2Bb%40y.example&q=%C3%A4%26b%3Dc%23d%3Fe%2Ff%2520&empty="
    )


async def test_an_id_is_quoted_and_not_quoted_twice():
    async with Scripted() as server, client_for(server) as ghl:
        await send(ghl, with_fields(GET, ids=("a b%2e?#ä",)))
    assert server.seen[0].target == "/contacts/a%20b%252e%3F%23%C3%A4"


@pytest.mark.parametrize("wrong", ["", ".", "..", "a/b", "a\\b", None, 7])
async def test_what_is_no_id_never_reaches_the_network(wrong):
    async with Scripted() as server, client_for(server) as ghl:
        with pytest.raises(UsageError):
            await ghl.contacts.get(wrong)
        with pytest.raises(UsageError):
            await ghl.background.tasks.list(wrong)
        assert server.connections == 0
        assert ghl.stats.requests == 0


async def test_redirects_are_not_followed():
    steps = [answer(307, b"", Location="/elsewhere"), answer()]
    async with Scripted(*steps) as server, client_for(server) as ghl:
        with pytest.raises(ErrorReply) as caught:
            await send(ghl)
        assert caught.value.status == 307
        assert len(server.seen) == 1


async def test_a_connection_that_the_server_closed_costs_an_attempt_with_a_slot_of_its_own():
    """aiohttp would send the request again by itself, and no slot would have counted it."""
    events = []
    async with (
        Scripted(answer(**LIMITS), CUT, answer(**LIMITS)) as server,
        client_for(server, hooks=[events.append]) as ghl,
    ):
        await send(ghl)
        await send(ghl)
        finished = [event for event in events if isinstance(event, RequestFinished)]
        assert [event.failure for event in finished] == [None, "ServerDisconnectedError", None]
        assert len(server.seen) == 3
        assert server.connections == 2
        assert ghl.quota.free == 0  # three of three


async def test_a_connection_is_used_again():
    async with Scripted() as server, client_for(server) as ghl:
        for _ in range(5):
            await send(ghl)
        assert server.connections == 1


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_an_empty_success_is_a_success(status):
    async with Scripted(answer(status, b"")) as server, client_for(server) as ghl:
        reply = await send(ghl)
        assert (reply.status, reply.body) == (status, b"")


async def test_a_refusal_that_is_a_page_says_who_refused():
    page = answer(403, b"<html>Error 1010</html>", Content_Type="text/html", CF_Ray="abc-IAD")
    async with Scripted(page) as server, client_for(server) as ghl:
        with pytest.raises(Forbidden, match="the edge in front of the API") as caught:
            await send(ghl)
        assert caught.value.headers["cf-ray"] == "abc-IAD"


async def test_cookies_are_not_kept():
    async with Scripted(answer(Set_Cookie="__cf_bm=x; Path=/")) as server, client_for(server) as ghl:
        await send(ghl)
        await send(ghl)
        assert "cookie" not in server.seen[1].headers


async def test_a_cancelled_call_holds_its_slot_for_an_interval():
    async with Scripted(answer(**LIMITS), STALL) as server, client_for(server) as ghl:
        await send(ghl)
        await asyncio.sleep(9)  # the first slot is nearly free again
        task = asyncio.create_task(send(ghl))
        await server.until(2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        await asyncio.sleep(2)
        assert ghl.quota.free == 2
        await asyncio.sleep(9)
        assert ghl.quota.free == 3


async def test_a_call_cancelled_while_it_waits_for_quota_sends_nothing():
    one = LIMITS | {"X_RateLimit_Max": "1", "X_RateLimit_Remaining": "0"}
    async with Scripted(answer(**one)) as server, client_for(server) as ghl:
        await send(ghl)
        tasks = [asyncio.create_task(send(ghl)) for _ in range(3)]
        await asyncio.sleep(1)
        for task in tasks[:2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(server.seen) == 2
        assert tasks[2].result().status == 200


async def test_a_body_that_is_no_json_costs_no_slot():
    async with Scripted(answer(**LIMITS)) as server, client_for(server, deadline_seconds=5) as ghl:
        for _ in range(4):
            with pytest.raises(UsageError):
                await send(ghl, with_fields(CREATE, body={"x": object()}))
        await send(ghl)
        assert len(server.seen) == 1
        assert ghl.quota.free == 2


@pytest.mark.parametrize("failure", [NoToken("none"), RuntimeError("broken"), asyncio.CancelledError()])
async def test_a_token_source_that_fails_costs_no_slot(failure):
    class Broken(Rotating):
        async def token(self):
            if self.tokens[0] is failure:
                raise self.tokens.pop(0)
            return await super().token()

    tokens = Broken(failure, "good-token")
    async with Scripted(answer(**LIMITS)) as server, client_for(server, token=tokens) as ghl:
        with pytest.raises(type(failure)):
            await send(ghl)
        await send(ghl)
        assert len(server.seen) == 1
        assert ghl.quota.free == 2


@pytest.mark.parametrize("token", ["two\r\nX-Evil: 1", "line\n", "null\0"])
async def test_a_token_that_no_header_can_hold_is_told_within_the_family_and_not_repeated_in_the_text(token):
    async with Scripted() as server, client_for(server, token=Rotating(token), deadline_seconds=5) as ghl:
        with pytest.raises(GHLError) as caught:
            await send(ghl)
        assert not server.seen
        assert token not in str(caught.value)
        assert ghl._share.budget._in_flight == 0


BROKEN = [
    b"HTTP/1.1 banana\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: banana\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nbad header line\r\n\r\n",
    answer(200, b"not gzip", Content_Encoding="gzip"),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12",
    b"\0\xff\xfe garbage",
]


@pytest.mark.parametrize("step", BROKEN, ids=range(len(BROKEN)))
async def test_what_is_no_sound_answer_is_no_reply_and_shows_no_address(step):
    request = with_fields(GET, ids=("SecretId",), query=(("email", "person@y.example"),))
    async with Scripted((step, CUT)) as server, client_for(server, retry=ONE_TRY) as ghl:
        with pytest.raises(NoReply) as caught:
            await send(ghl, request)
        assert "SecretId" not in str(caught.value)
        assert "person" not in str(caught.value)
        assert server.base_url.removeprefix("http://") not in str(caught.value)
        assert ghl._share.budget._in_flight == 0


async def test_limits_are_announced_once_and_again_when_they_change():
    more = {name: value.replace("3", "7") for name, value in LIMITS.items()}
    events = []
    async with (
        Scripted(*[answer(**LIMITS)] * 2, answer(**more)) as server,
        client_for(server, hooks=[events.append]) as ghl,
    ):
        for _ in range(4):
            await send(ghl)
    assert [event.requests for event in events if isinstance(event, LimitsLearned)] == [3, 7]


async def test_a_client_closed_under_a_call_ends_it_within_the_family():
    async with Scripted(STALL) as server:
        ghl = client_for(server)
        task = asyncio.create_task(send(ghl))
        await server.until(1)
        await ghl.close()
        with pytest.raises(GHLError):
            await asyncio.wait_for(task, 300)
        assert len(server.seen) == 1


async def test_a_client_closed_between_two_attempts_ends_the_call_within_the_family():
    async with Scripted(says(500, "broken")) as server:
        retrying = asyncio.Event()

        def watch(event):
            if isinstance(event, RetryScheduled):
                retrying.set()

        ghl = client_for(server, retry=RetryPolicy(base_seconds=30.0), hooks=[watch])
        task = asyncio.create_task(send(ghl))
        await retrying.wait()
        await ghl.close()
        with pytest.raises(GHLError):
            await asyncio.wait_for(task, 300)
        assert len(server.seen) == 1


async def test_a_slow_token_source_counts_for_the_deadline():
    class Slow(Rotating):
        async def token(self):
            await asyncio.sleep(100)
            return await super().token()

    async with Scripted() as server, client_for(server, token=Slow("a-token"), deadline_seconds=5) as ghl:
        with pytest.raises(DeadlineExceeded):
            await send(ghl)
        assert not server.seen


class SigningDialect(GHLDialect):
    """An API that wants the secret in every body, as Workiz does."""

    def headers(self, _request, _token):
        return {"User-Agent": "a signer", "Content-Type": "application/json"}

    def sign(self, body, token):
        return None if body is None else msgspec.json.encode({**body, "auth_secret": token})


async def test_a_dialect_can_sign_bodies_and_the_secret_shows_nowhere():
    async with Scripted(answer(), says(400, f"wrong secret {TOKEN}"), STALL) as server:
        transport = Transport(SigningDialect(server.base_url), Rotating(TOKEN), Budget(), retry=ONE_TRY, hooks=[])
        try:
            await transport.send(CREATE, lane="interactive", deadline_seconds=None)
            assert msgspec.json.decode(server.seen[0].body) == {"email": "x@y.example", "auth_secret": TOKEN}
            assert "authorization" not in server.seen[0].headers
            with pytest.raises(ErrorReply) as refused:
                await transport.send(CREATE, lane="interactive", deadline_seconds=None)
            with pytest.raises(TimedOut) as silent:
                await transport.send(with_fields(CREATE, idempotent=True), lane="interactive", deadline_seconds=None)
            for error in (refused.value, silent.value):
                assert TOKEN not in str(error) + repr(error) + repr(vars(error))
        finally:
            await transport.close()


async def test_requests_of_many_callers_run_at_once():
    async with (
        Scripted(answer(X_RateLimit_Max="1000", X_RateLimit_Remaining="999")) as server,
        client_for(server) as ghl,
    ):
        await asyncio.gather(*(send(ghl) for _ in range(60)))
        assert len(server.seen) == 60
        assert server.connections > 10
