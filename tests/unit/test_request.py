"""Ids into paths: whatever would reach another endpoint is refused before any I/O."""

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghl_async.errors import UsageError
from ghl_async.wire.request import Request, fill

TEMPLATE = "/contacts/{contactId}/tasks/{taskId}"


def test_ids_take_the_places_of_the_braces_in_order():
    assert fill(TEMPLATE, ("abc", "DEF9")) == "/contacts/abc/tasks/DEF9"
    assert fill("/contacts/", ()) == "/contacts/"
    assert fill("/{a}", ("x",)) == "/x"


@pytest.mark.parametrize(
    ("given_id", "quoted"),
    [("a b", "a%20b"), ("a?b=c", "a%3Fb%3Dc"), ("a#b", "a%23b"), ("50%", "50%25"), ("%2e%2e", "%252e%252e"),
     ("ä", "%C3%A4"), ("a+b", "a%2Bb"), ("...", "..."), ("a\r\nX: y", "a%0D%0AX%3A%20y"), ("²", "%C2%B2")],
)  # fmt: skip
def test_ids_are_quoted(given_id, quoted):
    assert fill("/contacts/{contactId}", (given_id,)) == f"/contacts/{quoted}"


@pytest.mark.parametrize("wrong", ["", ".", "..", "a/b", "/", "../x", "a\\b", None, 7, b"abc", ["abc"], "\ud800"])
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_no_id_is_a_usage_error(wrong, place):
    ids = ["good", "good"]
    ids[place] = wrong
    with pytest.raises(UsageError):
        fill(TEMPLATE, tuple(ids))


@pytest.mark.parametrize("ids", [(), ("a",), ("a", "b", "c")])
def test_too_few_or_too_many_ids_are_a_usage_error(ids):
    with pytest.raises(UsageError, match="takes 2 ids"):
        fill(TEMPLATE, ids)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_an_id_stays_within_its_segment_and_can_be_read_back(value):
    try:
        path = fill("/contacts/{contactId}/tasks", (value,))
    except UsageError:
        assert value in {".", ".."} or "/" in value or "\\" in value
        return
    assert urlsplit("http://host" + path).path == path
    assert path.isascii()
    _, contacts, segment, tasks = path.split("/")
    assert (contacts, unquote(segment), tasks) == ("contacts", value, "tasks")


def test_a_request_is_idempotent_and_of_the_dated_version_unless_it_says_otherwise():
    request = Request(operation="contacts.get", method="GET", template="/contacts/{contactId}", ids=("a",))
    assert request.idempotent
    assert request.version == "2021-07-28"
    with pytest.raises(AttributeError):
        request.method = "POST"
