"""The family of errors: one root, plain data, everything pickles."""

import contextlib
import importlib
import inspect
import pickle
import pkgutil
from datetime import UTC, datetime

import pytest

import ghl_async
from ghl_async import errors

REPLY = {
    "operation": "contacts.get",
    "status": 400,
    "messages": ["one", "two"],
    "request_id": "00000000-0000-0000-0000-000000000000",
    "headers": {"x-ratelimit-max": "100"},
    "excerpt": '{"message":',
}
KEYWORDS = {
    errors.ErrorReply: REPLY,
    errors.NoReply: {"operation": "contacts.get"},
    errors.DeadlineExceeded: {"operation": "contacts.get", "deadline_seconds": 3.0},
    errors.OutcomeUnknown: {"operation": "contacts.create", "draft": {"firstName": "Zoë"}},
    errors.DecodeError: {"path": "$.contact.id", "excerpt": '{"contact":'},
    errors.RefreshFailed: {"key_text": "location abc", "operation": "oauth.token", "was_answered": True},
    errors.DailyQuotaExhausted: {"remaining": 7, "resets_at": datetime(2026, 1, 1, tzinfo=UTC)},
}
"""What a class and those below it are made with, beside the message."""


def family(kind=errors.GHLError):
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


def made(kind):
    keywords = next((KEYWORDS[each] for each in kind.__mro__ if each in KEYWORDS), {})
    return kind("what went wrong", **keywords)


def modules():
    for found in pkgutil.walk_packages(ghl_async.__path__, "ghl_async."):
        if "sandbox" not in found.name and not found.name.endswith("__main__"):
            with contextlib.suppress(ModuleNotFoundError):  # of an extra that is not installed
                yield importlib.import_module(found.name)


def test_every_exception_of_the_package_descends_from_the_root():
    raised = {
        kind
        for module in modules()
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, BaseException) and kind.__module__.startswith("ghl_async") and "sandbox" not in str(kind)
    }
    assert raised >= {errors.NotFound, errors.StoreBusy}
    assert {kind for kind in raised if not issubclass(kind, errors.GHLError)} == set()


def test_every_exception_is_public_and_stands_in_the_family_tree():
    public = {getattr(errors, name) for name in errors.__all__}
    in_this_room = {kind for kind in family() if kind.__module__ == errors.__name__}
    assert in_this_room == public
    for kind in public:
        assert kind.__name__ in errors.__doc__
        assert kind.__doc__


@pytest.mark.parametrize("kind", [k for k in family() if k.__module__ == errors.__name__], ids=lambda k: k.__name__)
def test_an_error_pickles_with_all_it_holds(kind):
    error = made(kind)
    error.added_later = ["kept"]
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is kind
    assert str(again) == str(error) == "what went wrong"
    assert vars(again) == vars(error)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (errors.DuplicateContact, "contact_id", "abc"),
        (errors.DuplicateContact, "field", "email"),
        (errors.ScopeMissing, "scope", "contacts.write"),
        (errors.Unauthorized, "renewable", True),
        (errors.RateLimited, "interval_seconds", 2.5),
        (errors.RateLimited, "is_daily", True),
        (errors.ServerError, "retry_after_seconds", 5.0),
    ],
)
def test_particulars_pickle_too(kind, field, value):
    error = made(kind)
    assert getattr(error, field) != value
    setattr(error, field, value)
    assert getattr(pickle.loads(pickle.dumps(error)), field) == value  # noqa: S301 - our own bytes


def test_usage_errors_are_value_errors():
    assert issubclass(errors.UsageError, ValueError)
    with pytest.raises(ValueError, match="wrong"):
        raise errors.UsageError("wrong")


@pytest.mark.parametrize(
    ("kind", "trunk"),
    [
        (errors.ConnectFailed, errors.NoReply),
        (errors.TimedOut, errors.NoReply),
        (errors.DuplicateContact, errors.BadRequest),
        (errors.ScopeMissing, errors.Forbidden),
        (errors.WrongLocation, errors.Forbidden),
        (errors.StoreMismatch, errors.UsageError),
        (errors.NoToken, errors.AuthError),
    ],
)
def test_kinds_are_caught_with_what_they_belong_to(kind, trunk):
    assert issubclass(kind, trunk)


def test_no_reply_and_a_reply_are_two_trunks():
    assert not set(family(errors.NoReply)) & set(family(errors.ErrorReply))


def test_an_error_keeps_copies_of_what_it_is_given():
    messages, headers = ["one"], {"retry-after": "3"}
    error = errors.BadRequest("no", operation="x", status=400, messages=messages, headers=headers)
    messages.append("two")
    headers.clear()
    assert error.messages == ["one"]
    assert error.headers == {"retry-after": "3"}
