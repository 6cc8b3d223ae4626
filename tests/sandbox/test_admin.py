"""The admin door, the log, and starting and stopping."""

from __future__ import annotations

import pytest

from ghl_async.sandbox import Sandbox
from ghl_async.sandbox.requestlog import Entry, RequestLog


async def test_contacts_deleted_and_added_while_pages_are_read(start):
    api = await start(contacts=40)
    everyone = [contact["id"] for contact in await api.walk(pageLimit=50)]
    page = (await api.search(pageLimit=10)).content["contacts"]
    await api("DELETE", f"/_sandbox/contacts/{everyone[15]}")
    await api("DELETE", f"/_sandbox/contacts/{page[-1]['id']}")
    added = (await api("POST", "/_sandbox/contacts", {"firstName": "Neu", "notes": [{"body": "x"}]})).content
    assert added["total"] == 39
    rest = await api.walk(pageLimit=10, searchAfter=page[-1]["searchAfter"])
    assert [c["id"] for c in rest] == [one for one in everyone[10:] if one != everyone[15]]
    assert (await api.search(pageLimit=1)).content["contacts"][0]["firstName"] == "Neu"
    assert (await api("GET", f"/contacts/{added['id']}/notes")).content["notes"][0]["body"] == "x"
    await api("PUT", f"/_sandbox/contacts/{added['id']}", {"firstName": "Neuer"})
    assert (await api("GET", f"/contacts/{added['id']}")).content["contact"]["firstName"] == "Neuer"
    assert (await api("DELETE", "/_sandbox/contacts/x")).status == 404


async def test_the_log_and_the_counts_say_what_came(start):
    api = await start(contacts=1, requests=2)
    path = f"/locations/{api.sandbox.location_id}"
    for _ in range(3):
        await api("GET", path)
    await api("GET", "/nope", Authorization="Bearer pit-x")
    log = (await api("GET", "/_sandbox/log?since=1")).content
    assert log["next"] == 4
    assert [entry["n"] for entry in log["requests"]] == [1, 2, 3]
    assert [entry["status"] for entry in log["requests"]] == [200, 429, 401]
    assert [entry["admitted"] for entry in log["requests"]] == [True, False, False]
    assert log["requests"][0]["template"] == "GET /locations/{locationId}"
    assert log["requests"][1]["template"] == log["requests"][0]["template"]
    assert log["requests"][0]["remaining"] == 0
    counts = (await api("GET", "/_sandbox/counts?interval=10")).content
    assert counts["by_status"] == {"200": 2, "401": 1, "429": 1}
    assert counts["largest"] == 2
    span = f"/_sandbox/counts?after={log['requests'][0]['at']}&before={log['requests'][2]['at']}"
    assert (await api("GET", span)).content["admitted"] == 1
    await api("DELETE", "/_sandbox/log")
    assert (await api("GET", "/_sandbox/log")).content == {"requests": [], "next": 4}
    assert (await api("GET", "/_sandbox/counts")).content["requests"] == 0


def test_the_log_stays_bounded_while_counts_go_on():
    log = RequestLog(kept=10)
    for moment in range(25):
        log.append(Entry(float(moment), "GET", "/x", None, 200, "pit", "here", True, 1, 1, None))
    assert len(log.entries) <= 10
    assert log.requests == 25
    assert log.since(0)[-1]["n"] == 24
    assert log.since(24)[0]["at"] == 24.0


async def test_spending_of_others_shows_in_the_next_reply(start):
    api = await start(contacts=1, requests=100)
    await api("POST", "/_sandbox/spend", {"requests": 40})
    reply = await api("GET", f"/locations/{api.sandbox.location_id}")
    assert reply.headers["X-RateLimit-Remaining"] == "59"


async def test_a_stopped_sandbox_starts_again_on_its_port_with_its_log(start):
    api = await start(contacts=1)
    path = f"/locations/{api.sandbox.location_id}"
    await api("GET", path)
    base_url = api.sandbox.base_url
    await api.sandbox.stop()
    await api.sandbox.start()
    assert api.sandbox.base_url == base_url
    assert (await api("GET", path)).status == 200
    assert api.sandbox.log.requests == 2


async def test_unknown_doors_and_bad_bodies_of_the_admin_door(start):
    api = await start(contacts=1)
    assert (await api("GET", "/_sandbox/nope")).status == 404
    assert (await api("POST", "/_sandbox/tokens", {"colour": 1})).status == 400
    assert (await api("GET", "/_sandbox/truth?limit=x")).status == 400
    assert (await api("GET", "/_sandbox/locations")).content["locations"][0]["contacts"] == 1
    assert api.sandbox.log.requests == 0


def test_tokens_and_sandboxes_do_not_show_secrets():
    sandbox = Sandbox(token="pit-secret", contacts=1)
    assert "pit-secret" not in repr(sandbox)
    assert "pit-secret" not in repr(sandbox.state.tokens["pit-secret"])


@pytest.mark.parametrize(
    "options", [{"profile": "huge"}, {"kind": "leaky"}, {"fault": [{"kind": "flood"}]}, {"requests": -1}]
)
def test_senseless_options_are_refused(options):
    with pytest.raises(ValueError):  # noqa: PT011 - msgspec words most of them
        Sandbox(**options)
