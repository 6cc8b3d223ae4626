"""The first half of a login: what an app may be, where the user is sent, what comes of the address that comes back."""

from __future__ import annotations

import pickle
from urllib.parse import parse_qs, urlsplit

import pytest

from ghl_async.auth import App, Scope
from ghl_async.errors import ConsentDenied, UsageError

SECRET = "00000000-cccc-cccc-cccc-00000secret1"
BACK = "https://app.example/back"


def app_with(**options):
    options = {"redirect_uri": BACK, "scopes": [Scope.CONTACTS_READONLY, "some.new"], **options}
    return App("0123-abc", SECRET, **options)


@pytest.mark.parametrize(
    ("marketplace", "host"),
    [
        ("gohighlevel", "https://marketplace.gohighlevel.com"),
        ("leadconnectorhq", "https://marketplace.leadconnectorhq.com"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
    ],
)
def test_the_consent_page_is_asked_for_with_all_it_needs(marketplace, host):
    begun = app_with(marketplace=marketplace).authorize_url(version_id="v1")
    parts = urlsplit(begun.url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{host}/v2/oauth/chooselocation"
    assert "%20" in parts.query
    assert {name: values[0] for name, values in parse_qs(parts.query).items()} == {
        "response_type": "code",
        "client_id": "0123-abc",
        "redirect_uri": BACK,
        "scope": "contacts.readonly some.new",
        "state": begun.state,
        "version_id": "v1",
    }


def test_each_login_has_a_state_of_its_own():
    app = app_with()
    states = {app.authorize_url().state for _ in range(100)}
    assert len(states) == 100
    assert min(map(len, states)) >= 32


@pytest.mark.parametrize(
    "address", ["https://a.example/x", "http://localhost:8000/x", "http://127.0.0.1/x", "http://[::1]:9/x"]
)
def test_a_redirect_is_https_or_on_this_machine(address):
    assert app_with(redirect_uri=address).redirect_uri == address


@pytest.mark.parametrize(
    "address",
    [
        "http://app.example/x",
        "http://localhost.example/x",
        "http://128.0.0.1/x",
        "ftp://localhost/x",
        "app.example",
        "https://",
        "https://u:p@app.example/x",
        "https://app.example/x#part",
        "http://[::1",
        "",
    ],
)
def test_a_redirect_that_is_neither_is_one_clear_line(address):
    with pytest.raises(UsageError, match=r"^redirect_uri must be an https address, or http on this machine") as caught:
        app_with(redirect_uri=address)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"scopes": "contacts.readonly"}, "scopes is a list"),
        ({"scopes": ["two words"]}, "scopes is a list"),
        ({"scopes": [""]}, "scopes is a list"),
        ({"base_url": "services"}, "base_url"),
        ({"base_url": "https://x.example/?a=b"}, "base_url"),
        ({"dialect": "v4"}, "dialect"),
        ({"marketplace": "another"}, "marketplace"),
    ],
)
def test_what_an_app_cannot_be_is_refused(options, complaint):
    with pytest.raises(UsageError, match=complaint):
        app_with(**options)


@pytest.mark.parametrize("text", ["", " ", "two words", "ümlaut", "line\nbreak", None])
def test_a_secret_that_none_can_be_is_refused_without_being_shown(text):
    with pytest.raises(UsageError, match="client_secret is empty or holds") as caught:
        App("id", text)
    assert not text or not text.strip() or text not in str(caught.value)


def test_a_login_needs_a_redirect_and_scopes():
    for options in ({"redirect_uri": None}, {"scopes": []}):
        with pytest.raises(UsageError, match="redirect_uri and its scopes"):
            app_with(**options).authorize_url()


def test_the_code_is_taken_from_the_address_that_came_back():
    app = app_with()
    assert app.redeem(f" {BACK}?code=abc%2Fd&state=s-1\n", "s-1") == "abc/d"


@pytest.mark.parametrize(
    ("address", "state", "error", "complaint"),
    [
        (f"{BACK}?code=secret-code&state=other", "mine", ConsentDenied, "state in this address is not the one"),
        (f"{BACK}?code=secret-code", "mine", ConsentDenied, "state in this address is not the one"),
        (f"{BACK}?code=secret-code&state=", "", ConsentDenied, "state in this address is not the one"),
        (f"{BACK}?code=secret-code&state=%C3%BC", "mine", ConsentDenied, "state in this address is not the one"),
        (f"{BACK}?error=access_denied&state=mine", "mine", ConsentDenied, "answered access_denied: nothing was"),
        (f"{BACK}?error=<b>secret-code&state=mine", "mine", ConsentDenied, "answered an error: nothing was"),
        (f"{BACK}?state=mine", "mine", UsageError, "holds no code"),
        ("secret-code", "mine", UsageError, "this is no address"),
        ("", "mine", UsageError, "this is no address"),
    ],
)
def test_an_address_that_answers_something_else_is_one_clear_line(address, state, error, complaint):
    with pytest.raises(error, match=complaint) as caught:
        app_with().redeem(address, state)
    assert "\n" not in str(caught.value)
    assert "secret-code" not in str(caught.value)


def test_the_secret_shows_neither_in_a_repr_nor_in_a_pickle():
    app = app_with()
    assert SECRET not in repr(app) + str(app)
    assert app.authorize_url().state not in repr(app.authorize_url())
    with pytest.raises(UsageError, match="not pickled"):
        pickle.dumps(app)


def test_the_marketplace_calls_an_app_by_the_part_before_the_dash():
    assert app_with().app_id == "0123"
