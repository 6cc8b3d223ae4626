"""How GHL speaks: addresses, headers, quota readings, and what its errors mean whatever their status says."""

import time
from email.utils import formatdate

import msgspec
import pytest
from multidict import CIMultiDict

from ghl_async.errors import (
    BadRequest,
    DuplicateContact,
    ErrorReply,
    Forbidden,
    NotFound,
    RateLimited,
    ScopeMissing,
    ServerError,
    Unauthorized,
    Unprocessable,
    UsageError,
    WrongLocation,
)
from ghl_async.wire.dialect import GHLDialect
from ghl_async.wire.reading import QuotaReading
from ghl_async.wire.request import Request

TRACE = "00000000-0000-0000-0000-000000000000"
HTML = b"<!DOCTYPE html><html><body><h1>Error 1010</h1></body></html>"
DIALECT = GHLDialect("https://api.example/")


def request(**fields):
    fields = {
        "operation": "contacts.get",
        "method": "GET",
        "template": "/contacts/{contactId}",
        "ids": ("abc",),
    } | fields
    return Request(**fields)


def error(status, body, *, headers=None, **fields):
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return DIALECT.error(request(**fields), status, CIMultiDict(headers or {}), content)


def said(status, message):
    return {"statusCode": status, "message": message, "traceId": TRACE}


IAM = """This authClass type is not allowed to access this scope. Please verify your IAM configuration if this is not
the case.""".replace("\n", " ")
MESSAGES = [
    (401, "Invalid Private Integration token", Unauthorized),
    (401, "Invalid JWT", Unauthorized),
    (401, "Invalid token: access token is invalid", Unauthorized),
    (401, "The token is not authorized for this scope.", ScopeMissing),
    (401, "This location is not accessible from this token!", WrongLocation),
    (403, "This location is not accessible from this token!", WrongLocation),
    (403, "The token does not have access to this location.", WrongLocation),
    (401, "The token does not have access to this location.", WrongLocation),
    (401, "Token's user type mismatch!", Forbidden),
    (401, IAM, ScopeMissing),
    (403, IAM, ScopeMissing),
    (401, "This route is not yet supported by the IAM Service. Please update your IAM config.", Forbidden),
    (403, "This route is not yet supported by the IAM Service. Please update your IAM config.", Forbidden),
    (401, "version header was not found.", BadRequest),
    (401, "version header is invalid", BadRequest),
    (400, "Invalid API version segment 'bogus-version' at position 0", BadRequest),
    (400, "Contact with id abc not found", NotFound),
    (400, "Task with id abc not found", NotFound),
    (400, "Custom field with id a b not found", NotFound),
    (400, "Workflow with id not found", BadRequest),
    (422, ["Task with id abc not found"], Unprocessable),
    (404, "The custom value id is invalid.", NotFound),
    (404, "Cannot GET /contactz", NotFound),
    (400, "This location does not allow duplicated contacts.", DuplicateContact),
    (400, "Min. 3 characters required for applying contains filter", BadRequest),
    (422, ["property additionalEmails should not exist"], Unprocessable),
    (422, ["locationId must be a string", "locationId should not be empty"], Unprocessable),
    (403, "Forbidden resource", Forbidden),
    (429, "Too Many Requests", RateLimited),
    (429, "The token does not have access to this location.", RateLimited),
    (500, "Internal Server Error", ServerError),
    (500, "Contact with id abc not found", ServerError),
    (502, "version header was not found.", ServerError),
    (408, "Request Timeout", ErrorReply),
    (413, "Payload Too Large", ErrorReply),
]  # fmt: skip


@pytest.mark.parametrize(("status", "message", "kind"), MESSAGES)
def test_the_meaning_of_every_known_message(status, message, kind):
    got = error(status, said(status, message))
    assert type(got) is kind
    assert got.status == status
    assert got.operation == "contacts.get"
    assert got.messages == (message if isinstance(message, list) else [message])
    assert got.request_id == TRACE
    assert got.messages[0] in str(got)
    assert str(got).startswith(f"contacts.get: {status} ")


@pytest.mark.parametrize("message", [m for _, m, kind in MESSAGES if kind is Unauthorized])
def test_what_speaks_of_the_token_may_be_tried_with_another_one(message):
    assert error(401, said(401, message)).renewable


@pytest.mark.parametrize("message", ["", "Unauthorized", "no"])
def test_a_401_that_does_not_speak_of_the_token_is_final(message):
    got = error(401, said(401, message))
    assert type(got) is Unauthorized
    assert not got.renewable
    assert "does not speak of the token" in str(got)
    assert "Private Integrations" not in str(got)


@pytest.mark.parametrize("kind", [WrongLocation, ScopeMissing, Forbidden])
def test_a_401_that_another_token_of_the_same_source_cannot_help_is_not_unauthorized(kind):
    assert not issubclass(kind, Unauthorized)


@pytest.mark.parametrize("field", ["email", "phone"])
def test_a_duplicate_names_the_contact_that_is_there_and_what_collided(field):
    meta = {"contactId": "A" * 20, "contactName": "x", "matchingField": field}
    got = error(400, said(400, "This location does not allow duplicated contacts.") | {"meta": meta})
    assert (got.contact_id, got.field) == ("A" * 20, field)
    assert f"the contact {got.contact_id} is there already" in str(got)


@pytest.mark.parametrize("meta", [None, [], "x", {}, {"contactId": None, "matchingField": 7}])
def test_a_duplicate_without_particulars_is_still_a_duplicate(meta):
    got = error(400, said(400, "This location does not allow duplicated contacts.") | {"meta": meta})
    assert type(got) is DuplicateContact
    assert (got.contact_id, got.field) == (None, None)


def test_a_missing_scope_names_the_scope_the_operation_needs():
    got = error(401, said(401, "The token is not authorized for this scope."), scope="contacts.readonly")
    assert got.scope == "contacts.readonly"
    assert "add the scope contacts.readonly" in str(got)


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({"message": "one", "error": "Bad Request", "statusCode": 400}, ["one"]),
        ({"message": ["one", "two"], "error": "Bad Request"}, ["one", "two"]),
        ({"message": [{"property": "x"}, 3]}, ["{'property': 'x'}", "3"]),
        ({"message": {"message": "nested"}}, ["nested"]),
        ({"message": {"message": ["nested", "list"]}}, ["nested", "list"]),
        ({"error": {"code": "RESOURCE_NOT_FOUND", "message": "No such app", "details": {}}}, ["No such app"]),
        ({"error": "UnAuthorized!", "error_description": "Authorization code not found"},
         ["Authorization code not found"]),
        ({"error": "only this"}, ["only this"]),
        ({"status": 500, "message": "broken", "name": "HttpException"}, ["broken"]),
        ({"message": None, "error": None}, []),
        ({"message": ""}, []),
        ({}, []),
        ([], []),
        ("text", []),
        (7, []),
        (b"", []),
        (b"{", []),
        (b'{"message": "cut', []),
        (b"\xff\xfe", []),
        (b"upstream connect error", []),
        (b"[" * 100_000, []),
        (b'{"message":' + b"[" * 100_000, []),
        (HTML, []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [400, 500])
def test_the_words_of_every_envelope(body, messages, status):
    got = error(status, body)
    assert got.messages == messages
    assert type(got) is (BadRequest if status == 400 else ServerError)
    if not messages:
        assert ("an HTML page" if body is HTML else "no reason given") in str(got)
    assert len(got.excerpt) <= 200


def test_a_trace_id_that_is_no_text_is_left_out():
    assert error(400, {"message": "x", "traceId": 7}).request_id is None
    assert error(400, {"message": "x"}).request_id is None


def test_the_page_of_the_edge_is_told_from_a_refusal_of_the_api():
    got = error(403, HTML)
    assert type(got) is Forbidden
    assert "the edge" in str(got)
    assert got.excerpt.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("status", [301, 302, 304, 307, 308])
def test_a_redirect_is_an_error_reply(status):
    got = error(status, b"", headers={"Location": "https://elsewhere.example/secret"})
    assert type(got) is ErrorReply
    assert "elsewhere" not in str(got) + str(got.headers)


def test_of_the_headers_only_those_of_the_quota_and_the_edge_are_kept():
    headers = {"X-RateLimit-Max": "100", "Retry-After": "3", "CF-Ray": "abc", "Content-Type": "application/json",
               "Set-Cookie": "__cf_bm=secret", "Authorization": "Bearer secret", "Server": "cloudflare"}  # fmt: skip
    assert error(429, said(429, "x"), headers=headers).headers == {
        "x-ratelimit-max": "100", "retry-after": "3", "cf-ray": "abc", "content-type": "application/json",
    }  # fmt: skip


def test_a_429_tells_the_interval_and_whether_the_day_is_over():
    headers = {
        "X-RateLimit-Max": "100",
        "X-RateLimit-Interval-Milliseconds": "2000",
        "X-RateLimit-Daily-Remaining": "0",
    }
    got = error(429, said(429, "x"), headers=headers)
    assert (got.interval_seconds, got.is_daily) == (2.0, True)
    got = error(429, said(429, "x"), headers=headers | {"X-RateLimit-Daily-Remaining": "1"})
    assert not got.is_daily
    got = error(429, said(429, "x"))
    assert (got.interval_seconds, got.is_daily, got.retry_after_seconds) == (10.0, False, None)


FULL = {
    "X-RateLimit-Limit-Daily": "200000", "X-RateLimit-Daily-Remaining": "199000", "X-RateLimit-Max": "100",
    "X-RateLimit-Interval-Milliseconds": "10000", "X-RateLimit-Remaining": "99", "X-RateLimit-Daily-Reset": "83541000",
}  # fmt: skip


def test_the_six_headers_of_the_quota_are_read():
    assert DIALECT.reading(FULL) == QuotaReading(
        requests=100, remaining=99, interval_seconds=10.0, daily=200_000, daily_remaining=199_000,
        daily_resets_in_seconds=83_541.0,
    )  # fmt: skip


@pytest.mark.parametrize("missing", [*FULL, "all"])
def test_each_header_of_the_quota_may_be_missing(missing):
    fields = dict(zip(FULL, ["daily", "daily_remaining", "requests", "interval_seconds", "remaining",
                             "daily_resets_in_seconds"], strict=True))  # fmt: skip
    left = {} if missing == "all" else {name: value for name, value in FULL.items() if name != missing}
    reading = DIALECT.reading(left)
    for name, field in fields.items():
        assert (getattr(reading, field) is None) is (name not in left)


@pytest.mark.parametrize("nonsense", ["", "many", "nan", "inf", "-inf", "1e400", "-1", "-10000", "0x10"])
@pytest.mark.parametrize("name", FULL)
def test_a_header_that_makes_no_sense_counts_as_missing(name, nonsense):
    reading = DIALECT.reading(FULL | {name: nonsense})
    sound = DIALECT.reading({other: value for other, value in FULL.items() if other != name})
    assert reading == sound


def test_an_interval_of_zero_counts_as_missing():
    assert DIALECT.reading(FULL | {"X-RateLimit-Interval-Milliseconds": "0"}).interval_seconds is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3", 3.0), ("0", 0.0), ("1.5", 1.5), (" 7 ", 7.0), ("-5", 0.0), ("soon", None), ("", None), ("nan", None),
     ("inf", None), ("Infinity", None), ("Mon, 99 Foo 2026", None)],
)  # fmt: skip
def test_retry_after_in_seconds(text, seconds):
    assert DIALECT.reading({"Retry-After": text}).retry_after_seconds == seconds
    assert error(429, said(429, "x"), headers={"Retry-After": text}).retry_after_seconds == seconds


def test_retry_after_as_a_date():
    ahead = DIALECT.reading({"Retry-After": formatdate(time.time() + 60, usegmt=True)}).retry_after_seconds
    assert ahead == pytest.approx(59.5, abs=1.5)
    past = DIALECT.reading({"Retry-After": formatdate(time.time() - 60, usegmt=True)}).retry_after_seconds
    assert past == 0.0


@pytest.mark.parametrize("base", ["https://api.example", "https://api.example/", "https://api.example/prefix"])
def test_an_address_is_base_path_and_query(base):
    dialect = GHLDialect(base)
    assert dialect.url(request()) == base.rstrip("/") + "/contacts/abc"
    query = (("phone", "+1 555"), ("email", "a+b@x.example"), ("q", "ä&b=c#d?e/f"), ("empty", ""))
    assert dialect.url(request(query=query)).partition("?")[2] == (
        "phone=%2B1%20555&email=a%2Bb%40x.example&q=%C3%A4%26b%3Dc%23d%3Fe%2Ff&empty="
    )


def test_headers_carry_the_token_the_version_and_our_own_name():
    headers = DIALECT.headers(request(version="2021-04-15"), "pit-token")
    assert headers["Authorization"] == "Bearer pit-token"
    assert headers["Version"] == "2021-04-15"
    assert headers["Accept"] == "application/json"
    assert headers["User-Agent"].startswith("ghl_async/")
    assert "Content-Type" not in headers
    assert DIALECT.headers(request(body={}), "pit-token")["Content-Type"] == "application/json"


def test_one_version_can_move_all_operations():
    dialect = GHLDialect("https://api.example", "v3")
    assert dialect.headers(request(version="2021-04-15"), "t")["Version"] == "v3"


def test_a_rotated_token_is_used_at_once_and_the_old_one_forgotten():
    dialect = GHLDialect("https://api.example")
    dialect.headers(request(), "old-token")
    assert dialect.headers(request(), "new-token")["Authorization"] == "Bearer new-token"
    assert "old-token" not in repr(vars(dialect))


def test_a_body_is_json_and_no_body_is_none():
    assert DIALECT.sign({"name": "Zoë", "tags": [], "x": None}, "t") == '{"name":"Zoë","tags":[],"x":null}'.encode()
    assert DIALECT.sign(None, "t") is None


@pytest.mark.parametrize("body", [object(), {"x": object()}, {object(): 1}, {"x": "\ud800"}])
def test_a_body_that_is_no_json_is_a_usage_error(body):
    with pytest.raises(UsageError):
        DIALECT.sign(body, "t")
