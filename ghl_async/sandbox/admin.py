"""The admin door, under `/_sandbox/`: no token, never counted, no part of the imitated API.

    GET    log?since=n            {"requests": [{n, at, method, path, template, status, ...}], "next": n}
    DELETE log                    forget the requests
    GET    counts                 running counts; `?after=&before=` (seconds) counts a span,
                                  `?interval=` adds the most admitted requests in any span of so many seconds
    GET    truth?offset=&limit=   {"contacts": [{"contact", "tasks", "notes", "appointments", "events"}], "total"},
                                  oldest first; `events` are the appointments as the calendars show them,
                                  `campaigns` and `workflows` the ids of those that the contact is in
    GET, PUT limits               the settings of limits.py; changes take effect at once
    GET, PUT latency              {"seconds", "jitter_seconds"}
    GET, PUT pages                the page sizes of pages.py
    GET, PUT index                {"lag_seconds"}: how long search and list miss an added contact
    GET, PUT rules                what is unknown of writes, see WriteRules in settings.py
    GET, POST, DELETE faults      see faults.py; POST takes one fault, what it matches flat or under "match"
    POST   tokens                 {"token"?, "scopes"?, "locations"?, "app"?, "expired"?, "company_id"?} answers the
                                  token; with a company it is an agency's
    POST   spend                  {"requests": n, "location"?, "app"?}: as if another program had made them
    POST   contacts               fields of a contact, "location"?, children in "tasks", "notes", "appointments"
    PUT, DELETE contacts/{id}     change or delete one
    GET    locations              {"locations": [{"id", "contacts", "timezone", and LocationSettings of settings.py}]}
    POST   locations              {"contacts", "location_id"?, "seed"?, "timezone"?, settings} adds one and answers it
    PUT    locations/{id}         {"timezone"?, settings}: changes them at once
    POST   reset                  every location is again what it was when it was added; tokens, faults, log stay

The doors of the OAuth server (oauth, apps, companies, authorize, uninstall) are described in admin_oauth.py.
`truth` takes `?location=`; without a location all doors mean the main one.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from .admin_oauth import OAUTH_DOORS
from .events import expect_zone
from .views import search_view

if TYPE_CHECKING:
    from collections.abc import Callable

    from .location import Location
    from .server import Server

__all__ = ["answer_admin", "truth"]

_encode = msgspec.json.Encoder().encode


class _Visit:
    """One request to the door."""

    __slots__ = ("body", "name", "query", "server")

    def __init__(self, server: Server, request: web.BaseRequest, body: dict[str, Any], name: str) -> None:
        self.server = server
        self.query = request.query
        self.body = body
        self.name = name

    def location(self) -> Location:
        wanted = self.body.pop("location", None) or self.query.get("location")
        return self.server.state.main if wanted is None else self.server.state.locations[wanted]

    def number(self, name: str, default: int) -> int:
        return int(self.query.get(name, default))


async def answer_admin(server: Server, request: web.BaseRequest) -> web.Response:
    """Answer one request to the admin door: 200 with JSON, 400 with what was wrong, 404 for an unknown door."""
    try:
        body = msgspec.json.decode(await request.read() or b"{}", type=dict[str, Any])
        _, _, door, *rest = request.path.split("/")
        name = rest[0] if rest else ""
        key = (request.method, door)
        if key in OAUTH_DOORS:
            return _reply(200, OAUTH_DOORS[key](server.oauth, body, name))
        if key not in _DOORS:
            return _reply(404, {"message": f"no such door: {request.method} {request.path}"})
        return _reply(200, _DOORS[key](_Visit(server, request, body, name)))
    except (ValueError, TypeError) as error:
        return _reply(400, {"message": str(error)})
    except KeyError as error:
        return _reply(404, {"message": f"unknown: {error.args[0]}"})


def _reply(status: int, content: object) -> web.Response:
    return web.Response(status=status, body=_encode(content), content_type="application/json")


def truth(location: Location, offset: int, limit: int) -> dict[str, Any]:
    """Return the true records, oldest first.

    Contacts look as search shows them under its default order; their children stand beside them.
    """
    contacts = []
    for ref in islice(location.walk(descending=False, skip=offset), limit):
        record = location.record(ref)
        contacts.append(
            {
                "contact": search_view(record, [location.added_ms(ref), record["id"]]),
                "tasks": location.tasks(ref),
                "notes": location.notes(ref),
                "appointments": location.appointments(ref),
                "events": location.events_of(ref),
                "campaigns": record.get("campaigns", []),
                "workflows": record.get("activeWorkflows", []),
            }
        )
    return {"contacts": contacts, "total": len(location)}


def _log(visit: _Visit) -> dict[str, Any]:
    requests = visit.server.log.since(visit.number("since", 0))
    log = visit.server.log
    return {"requests": requests, "next": log.first_number + len(log.entries)}


def _clear_log(visit: _Visit) -> dict[str, Any]:
    visit.server.log.clear()
    return {"next": visit.server.log.first_number}


def _counts(visit: _Visit) -> dict[str, Any]:
    log, query = visit.server.log, visit.query
    if "after" in query or "before" in query:
        counts = log.between(float(query.get("after", "-inf")), float(query.get("before", "inf")))
    else:
        counts = log.counts()
    if "interval" in query:
        counts["largest"] = log.largest(float(query["interval"]))
    return counts | {"now": time.monotonic()}


def _truth(visit: _Visit) -> dict[str, Any]:
    return truth(visit.location(), visit.number("offset", 0), visit.number("limit", 100))


def _limits(visit: _Visit) -> object:
    return visit.server.limits.settings


def _change_limits(visit: _Visit) -> object:
    return visit.server.limits.change(**visit.body)


def _latency(visit: _Visit) -> object:
    return visit.server.latency


def _change_latency(visit: _Visit) -> object:
    latency = visit.server.latency
    changed = msgspec.convert(msgspec.structs.asdict(latency) | visit.body, type(latency))
    latency.seconds, latency.jitter_seconds = changed.seconds, changed.jitter_seconds
    return latency


def _pages(visit: _Visit) -> object:
    return visit.server.state.pages


def _change_pages(visit: _Visit) -> object:
    return visit.server.state.pages.change(**visit.body)


def _index(visit: _Visit) -> dict[str, float]:
    return {"lag_seconds": visit.server.state.main.lag_seconds}


def _change_index(visit: _Visit) -> dict[str, float]:
    visit.server.state.set_index_lag(float(visit.body["lag_seconds"]))
    return _index(visit)


def _faults(visit: _Visit) -> dict[str, Any]:
    return {"faults": visit.server.faults.active}


def _add_fault(visit: _Visit) -> object:
    return visit.server.faults.add(**visit.body)


def _clear_faults(visit: _Visit) -> dict[str, Any]:
    visit.server.faults.clear()
    return {"faults": []}


def _add_token(visit: _Visit) -> dict[str, Any]:
    token = visit.server.state.add_token(visit.body.pop("token", None), **visit.body)
    scopes = sorted(token.scopes)
    return {
        "token": token.text,
        "scopes": scopes,
        "locations": token.locations,
        "app": token.app,
        "expired": token.expired,
        "company_id": token.company_id,
    }


def _spend(visit: _Visit) -> dict[str, Any]:
    limits, key = visit.server.limits, (visit.body.get("app", "pit"), visit.location().id)
    now = time.monotonic()
    limits.spend(key, now, int(visit.body.get("requests", 1)))
    return limits.read(key, now)._asdict()


def _add_contact(visit: _Visit) -> dict[str, Any]:
    location = visit.location()
    return {"id": location.add(visit.body), "total": len(location)}


def _of_contact(visit: _Visit) -> Location:
    found = visit.server.state.locate(visit.name)
    if found is None:
        raise KeyError(visit.name)
    return found[0]


def _change_contact(visit: _Visit) -> dict[str, Any]:
    location = _of_contact(visit)
    location.change(visit.name, visit.body)
    return {"id": visit.name, "total": len(location)}


def _delete_contact(visit: _Visit) -> dict[str, Any]:
    location = _of_contact(visit)
    location.delete(visit.name)
    return {"id": visit.name, "total": len(location)}


def _settings(location: Location) -> dict[str, Any]:
    place = {"id": location.id, "contacts": len(location), "timezone": location.people.settings.timezone}
    return place | msgspec.structs.asdict(location.place)


def _locations(visit: _Visit) -> dict[str, Any]:
    return {"locations": [_settings(location) for location in visit.server.state.locations.values()]}


def _add_location(visit: _Visit) -> dict[str, Any]:
    contacts = int(visit.body.pop("contacts", 0))
    return _settings(visit.server.state.add_location(contacts, **visit.body))


def _change_location(visit: _Visit) -> dict[str, Any]:
    location = visit.server.state.locations[visit.name]
    timezone = visit.body.pop("timezone", None)
    if timezone is not None:
        expect_zone(timezone)
    visit.server.state.expect_company(visit.body.get("company_id", location.place.company_id))
    location.place.change(**visit.body)
    if timezone is not None:
        location.set_timezone(timezone)
    return _settings(location)


def _rules(visit: _Visit) -> object:
    return visit.server.state.rules


def _change_rules(visit: _Visit) -> object:
    return visit.server.state.rules.change(**visit.body)


def _reset(visit: _Visit) -> dict[str, Any]:
    visit.server.state.reset()
    return _locations(visit)


_DOORS: dict[tuple[str, str], Callable[[_Visit], object]] = {
    ("GET", "log"): _log,
    ("DELETE", "log"): _clear_log,
    ("GET", "counts"): _counts,
    ("GET", "truth"): _truth,
    ("GET", "limits"): _limits,
    ("PUT", "limits"): _change_limits,
    ("GET", "latency"): _latency,
    ("PUT", "latency"): _change_latency,
    ("GET", "pages"): _pages,
    ("PUT", "pages"): _change_pages,
    ("GET", "index"): _index,
    ("PUT", "index"): _change_index,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "tokens"): _add_token,
    ("POST", "spend"): _spend,
    ("POST", "contacts"): _add_contact,
    ("PUT", "contacts"): _change_contact,
    ("DELETE", "contacts"): _delete_contact,
    ("GET", "locations"): _locations,
    ("POST", "locations"): _add_location,
    ("PUT", "locations"): _change_location,
    ("GET", "rules"): _rules,
    ("PUT", "rules"): _change_rules,
    ("POST", "reset"): _reset,
}
