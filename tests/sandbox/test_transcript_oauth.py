"""Agency and OAuth server as a stranger meets them: plain curl, nothing of the package imported."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from .stranger import Stranger

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

REDIRECT = "http://localhost:8765/callback"


@pytest.fixture(scope="module")
def ghl():
    stranger = Stranger("--contacts", "5", "--redirect-uri", REDIRECT, "--access-token-seconds", "600")
    yield stranger
    stranger.end()


def form(ghl, path, *options, **fields):
    data = [part for name, value in fields.items() for part in ("--data-urlencode", f"{name}={value}")]
    return ghl.raw(path, "-X", "POST", *data, *options)


def test_from_the_consent_page_to_a_contact_9_1_to_9_4(ghl):
    place = json.loads(ghl.line)
    named = {"client_id": place["client_id"], "client_secret": place["client_secret"]}
    ghl.door("PUT", "oauth", {"consent_for": place["company_id"]})
    query = f"response_type=code&client_id={place['client_id']}&redirect_uri={REDIRECT}&state=abc"
    page = ghl.raw(f"/v2/oauth/chooselocation?{query}")
    assert page.status == 302
    address, _, brought = page.headers["location"].partition("?")
    code = dict(part.split("=") for part in brought.split("&"))["code"]
    assert address == REDIRECT
    pair = form(ghl, "/oauth/token", **named, grant_type="authorization_code", code=code).json
    assert (pair["userType"], pair["expires_in"]) == ("Company", 600)
    wanted = {"companyId": place["company_id"], "locationId": ghl.location_id}
    bearer = ("-H", f"Authorization: Bearer {pair['access_token']}", "-H", "Version: 2021-07-28")
    minted = form(ghl, "/oauth/locationToken", *bearer, **wanted).json
    assert ghl.get(f"/contacts/?locationId={ghl.location_id}", token=minted["access_token"]).status == 200
    assert ghl.get(f"/contacts/?locationId={ghl.location_id}", token=pair["access_token"]).status == 401
    renewed = form(ghl, "/oauth/token", **named, grant_type="refresh_token", refresh_token=pair["refresh_token"]).json
    assert renewed["access_token"] != pair["access_token"]
    counts = ghl.door("GET", "oauth")["counts"]
    assert counts == {"authorization_code": 1, "location_token": 1, "refresh_token": 1}


def test_a_wrong_redirect_address_is_one_line_and_exit_2():
    command = [sys.executable, "-m", "ghl_async.sandbox", "--redirect-uri", "http://elsewhere.example.com/"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    wanted = "a redirect address must be https or on loopback, not 'http://elsewhere.example.com/'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", wanted)
