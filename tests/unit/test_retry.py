"""What is repeated, and after which wait."""

import pytest

from ghl_async.errors import (
    BadRequest,
    ConnectFailed,
    DailyQuotaExhausted,
    ErrorReply,
    Forbidden,
    GHLError,
    NoReply,
    NotFound,
    RateLimited,
    ServerError,
    TimedOut,
    Unauthorized,
    Unprocessable,
    UsageError,
)
from ghl_async.wire.retry import RetryPolicy, is_final, is_unknown, retrying, waits


def reply(kind, status, **fields):
    error = kind("said no", operation="contacts.get", status=status)
    for name, value in fields.items():
        setattr(error, name, value)
    return error


def silence(kind):
    return kind("no answer", operation="contacts.get")


# what failed, again if idempotent, again if a create, unknown outcome
TABLE = [
    (reply(RateLimited, 429), True, True, False),
    (reply(RateLimited, 429, is_daily=True), False, False, False),
    (silence(ConnectFailed), True, True, False),
    (silence(TimedOut), True, False, True),
    (silence(NoReply), True, False, True),
    (reply(ServerError, 500), True, False, True),
    (reply(ServerError, 502), True, False, True),
    (reply(ServerError, 599), True, False, True),
    (reply(Unauthorized, 401, renewable=True), True, True, False),
    (reply(Unauthorized, 401), False, False, False),
    (reply(BadRequest, 400), False, False, False),
    (reply(Forbidden, 403), False, False, False),
    (reply(NotFound, 404), False, False, False),
    (reply(Unprocessable, 422), False, False, False),
    (reply(ErrorReply, 302), False, False, False),
    (reply(ErrorReply, 408), True, False, True),
]


@pytest.mark.parametrize(("error", "repeated", "created_again", "unknown"), TABLE)
def test_the_decision_table(error, repeated, created_again, unknown):
    assert is_final(error, idempotent=True) is not repeated
    assert is_final(error, idempotent=False) is not created_again
    assert is_unknown(error) is unknown


def longest(_low, high):
    return high


def shortest(low, _high):
    return low


def drawn(errors, draw, policy=None):
    generator = waits(policy or RetryPolicy(), draw)
    generator.send(None)
    return [generator.send(error) for error in errors]


@pytest.mark.parametrize(("named", "at_least"), [(None, 10.0), (3.0, 10.0), (45.0, 45.0)])
@pytest.mark.parametrize("draw", [longest, shortest])
def test_after_a_429_the_wait_is_an_interval_or_what_was_named_and_never_less(named, at_least, draw):
    (wait,) = drawn([reply(RateLimited, 429, retry_after_seconds=named)], draw)
    assert at_least <= wait <= 1.05 * at_least


def test_after_a_429_the_interval_is_the_announced_one():
    assert drawn([reply(RateLimited, 429, interval_seconds=2.0)], shortest) == [2.0]


def test_other_waits_are_drawn_from_zero_to_a_ceiling_that_doubles_up_to_the_cap():
    policy = RetryPolicy(base_seconds=1.0, cap_seconds=6.0)
    errors = [silence(TimedOut), reply(ServerError, 500), silence(NoReply), reply(ServerError, 503), silence(NoReply)]
    assert drawn(errors, longest, policy) == [1.0, 2.0, 4.0, 6.0, 6.0]
    assert drawn(errors, shortest, policy) == [0.0] * 5


def test_a_503_that_names_its_wait_is_not_repeated_earlier():
    assert drawn([reply(ServerError, 503, retry_after_seconds=20.0)], shortest) == [20.0]


def test_another_token_is_tried_at_once_and_does_not_count_as_a_step():
    errors = [reply(Unauthorized, 401, renewable=True), silence(TimedOut)]
    assert drawn(errors, longest, RetryPolicy(base_seconds=1.0)) == [0.0, 1.0]


@pytest.mark.parametrize("nonsense", [{"attempts": 0}, {"base_seconds": -1.0}, {"cap_seconds": -0.1}])
def test_a_policy_that_makes_no_sense_is_refused(nonsense):
    with pytest.raises(UsageError):
        RetryPolicy(**nonsense)


class Attempts:
    """Fails with each of `errors` in turn, then succeeds."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.made = 0
        self.announced = []

    async def attempt(self, _call):
        self.made += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    def announce(self, details):
        self.announced.append((details["tries"], details["wait"], type(details["exception"])))

    def wrapped(self, *, idempotent=True, **policy):
        return retrying(
            self.attempt, RetryPolicy(**policy), lambda error: is_final(error, idempotent=idempotent), self.announce
        )


@pytest.mark.virtual
async def test_it_goes_on_until_an_attempt_succeeds_and_tells_of_each_wait():
    attempts = Attempts(silence(TimedOut), reply(RateLimited, 429), reply(ServerError, 500))
    assert await attempts.wrapped()("call") == "done"
    assert [(n, kind) for n, _, kind in attempts.announced] == [(1, TimedOut), (2, RateLimited), (3, ServerError)]
    assert attempts.announced[1][1] >= 10.0


@pytest.mark.virtual
@pytest.mark.parametrize("allowed", [1, 2, 6])
async def test_attempts_are_bounded_and_the_last_error_is_raised(allowed):
    errors = [reply(ServerError, 500 + n) for n in range(20)]
    attempts = Attempts(*errors)
    with pytest.raises(ServerError) as caught:
        await attempts.wrapped(attempts=allowed)("call")
    assert attempts.made == allowed
    assert caught.value is errors[allowed - 1]
    assert len(attempts.announced) == allowed - 1


@pytest.mark.virtual
async def test_a_create_ends_at_the_first_unknown_outcome():
    attempts = Attempts(silence(ConnectFailed), reply(RateLimited, 429), silence(TimedOut))
    with pytest.raises(TimedOut):
        await attempts.wrapped(idempotent=False)("call")
    assert attempts.made == 3


@pytest.mark.virtual
@pytest.mark.parametrize("error", [UsageError("wrong"), GHLError("?"), DailyQuotaExhausted("over", remaining=0)])
async def test_what_is_no_failure_of_an_attempt_is_not_repeated(error):
    attempts = Attempts(error)
    with pytest.raises(type(error)):
        await attempts.wrapped()("call")
    assert attempts.made == 1


@pytest.mark.virtual
async def test_each_call_starts_with_short_waits_again():
    attempts = Attempts(*[silence(TimedOut)] * 5)
    call = attempts.wrapped(base_seconds=1.0, cap_seconds=1000.0)
    await call("first")
    attempts.errors = [silence(TimedOut)]
    await call("second")
    assert attempts.announced[-1][0] == 1
    assert attempts.announced[-1][1] <= 1.0
