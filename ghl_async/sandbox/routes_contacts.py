"""The contact routes: get, search, list, by business, duplicate, lookup."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .call import CONTACTS_SCOPE, Call, Operation
from .filters import Row
from .ids import digest, letters
from .phones import e164
from .refusals import bad_request, scope_missing, unprocessable
from .search import matching, mentions, read_body, search
from .views import get_view, list_view, search_view
from .writes import holders

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .location import Location, Ref

__all__ = ["CONTACT_ROUTES"]

_HOST: Final = "https://services.leadconnectorhq.com"
_ENCODED_KEPT: Final = 8192
_encode = msgspec.json.Encoder().encode


def _get(call: Call) -> bytes:
    # facts 7.1 row 3: {contact}
    location, ref = call.contact(call.params[0])
    kept = location.encoded.get((ref, call.v3))
    if kept is None:
        if len(location.encoded) >= _ENCODED_KEPT:
            location.encoded.clear()
        kept = location.encoded[ref, call.v3] = _encode({"contact": get_view(location.record(ref), v3=call.v3)})
    return kept


def _search(call: Call) -> bytes:
    # facts 6.6 [live]: {contacts, total, traceId}, status 200
    call.expect_query(frozenset(), location=False)
    body = read_body(call.json(), call.state.pages)
    location = call.location(body.location_id)
    found, total = search(body, location)
    return _encode({"contacts": [search_view(location.record(ref), cursor) for ref, cursor in found], "total": total})


_LIST_QUERY: Final = frozenset({"locationId", "startAfter", "startAfterId", "query", "limit"})


def _list(call: Call) -> bytes:
    # facts 6.1, 6.2 [live CAP]: keyset, newest first, limit 20, at most 100
    call.expect_query(_LIST_QUERY)
    limit = call.whole_number("limit", 20, 1, 100)
    start_after = call.whole_number("startAfter", 0, 0, None)
    start_id = call.query.get("startAfterId", "")
    location = call.location(call.query["locationId"])
    location.settle()
    after = (start_after, start_id) if start_after else None
    query = call.query.get("query", "").lower()
    if query:
        keys, every = _mentioning(location, query)
        # the keys rise while time falls: count those at or before the cursor
        skip = 0 if after is None else sum(key >= after for key in keys)
        refs: Iterable[Ref] = every[skip:]
        total = len(every)
    else:
        refs, total = location.walk(descending=True, after=after, unseen=False), location.count(unseen=False)
    page = list(islice(refs, limit))
    meta = _meta(location, page, limit, total)
    return _encode({"contacts": [list_view(location.record(ref)) for ref in page], "meta": meta})


def _mentioning(location: Location, query: str) -> tuple[list[tuple[int, str]], list[Ref]]:
    _, refs = matching(location, f"list {query}", lambda row: mentions(row, query), (("dateAdded", True),))
    return [(location.added_ms(ref), location.id_of(ref)) for ref in refs], refs


def _meta(location: Location, page: list[Ref], limit: int, total: int) -> dict[str, Any]:
    if not page:  # facts 14: empty page: null cursors [guess]
        return {
            "total": total, "nextPageUrl": None, "startAfterId": None, "startAfter": None, "currentPage": 1,
            "nextPage": None, "prevPage": None,
        }  # fmt: skip
    # facts 6.2 [live CAP]: currentPage always 1 and nextPage always 2 in keyset mode; the last, short page has
    # cursors too
    last_ms, last_id = location.added_ms(page[-1]), location.id_of(page[-1])
    url = f"{_HOST}/contacts/?limit={limit}&locationId={location.id}&startAfter={last_ms}&startAfterId={last_id}"
    return {
        "total": total, "nextPageUrl": url, "startAfterId": last_id, "startAfter": last_ms, "currentPage": 1,
        "nextPage": 2, "prevPage": None,
    }  # fmt: skip


_BUSINESS_QUERY: Final = frozenset({"locationId", "limit", "skip", "query"})


def _by_business(call: Call) -> bytes:
    # facts 6.1 [spec]: skip and limit as strings, defaults "0" and "25"; v3 adds startAfter (facts 7.1 row 10)
    call.expect_query(_BUSINESS_QUERY | {"startAfter"} if call.version == "v3" else _BUSINESS_QUERY)
    limit = call.whole_number("limit", 25, 1, None)
    skip = call.whole_number("skip", 0, 0, None)
    location = call.location(call.query["locationId"])
    business_id, query = call.params[0], call.query.get("query", "").lower()

    def belongs(row: Row) -> bool:
        return row.record["businessId"] == business_id and (not query or mentions(row, query))

    name = f"business {business_id} {query}"
    _, refs = matching(location, name, belongs, (("dateAdded", True),))
    items = [list_view(location.record(ref)) for ref in refs[skip : skip + limit]]  # item keys as in 6.2 [guess]
    return _encode({"contacts": items, "count": len(refs)})  # facts 7.1 row 10: {contacts, count}


def _duplicate(call: Call) -> bytes:
    # facts 6.8 [spec]: the location's own identifiers decide; with duplicates allowed the email, then the phone
    call.expect_query(frozenset({"locationId", "number", "email"}))
    location = call.location(call.query["locationId"])
    number = call.query.get("number", "")
    given = {"email": call.query.get("email"), "phone": e164(number, location.place.country) or number}
    order = ("email", "phone") if location.place.allow_duplicates else location.place.unique_identifiers
    # additional ones as well, as for an upsert [guess]: the lookup knows them (facts 6.9), the search does not (#289)
    ref = next(iter(holders(location, given, order).values()), None)
    if ref is None:  # facts 6.8 [blog]: contact null
        return b'{"contact":null}'
    # facts 6.8 [live]: matchingField read "contactId" in the recorded email hit
    return _encode({"contact": get_view(location.record(ref), v3=call.v3), "matchingField": "contactId"})


def _lookup(call: Call) -> bytes:
    # facts 6.9 [docs]: exactly one of email or phone, additional ones match too; OAuth channel only
    call.expect_query(frozenset({"locationId", "email", "phone", "limit", "nextCursor"}))
    limit = call.whole_number("limit", 20, 1, 20)
    email, phone = call.query.get("email"), call.query.get("phone")
    if bool(email) == bool(phone):
        raise unprocessable(["exactly one of email or phone must be provided"])  # wording [guess]
    call.need_scope(CONTACTS_SCOPE)
    if call.token.app == "pit":
        raise scope_missing()
    location = call.location(call.query["locationId"])
    refs = location.find_all("email", email) if email else location.find_all("phone", phone or "")
    cursor = call.query.get("nextCursor", "")
    ids = [location.id_of(ref) for ref in refs]
    # the cursor is the last contact shown, opaque to the caller [guess]
    start = next((place + 1 for place, one in enumerate(ids) if letters(digest("cursor", one, size=20)) == cursor), 0)
    if cursor and not start:
        raise bad_request("Invalid nextCursor")  # wording [guess]
    page = refs[start : start + limit]
    content: dict[str, Any] = {"contacts": [get_view(location.record(ref), v3=True) for ref in page]}
    if start + limit < len(refs):
        content["nextCursor"] = letters(digest("cursor", location.id_of(page[-1]), size=20))
    return _encode(content)


CONTACT_ROUTES: Final = (  # facts 11: literal routes before {contactId}
    Operation("GET", "/contacts/", _list),
    Operation("POST", "/contacts/search", _search),
    Operation("GET", "/contacts/search/duplicate", _duplicate),
    Operation("GET", "/contacts/lookup", _lookup, only_v3=True),
    Operation("GET", "/contacts/business/{businessId}", _by_business),
    Operation("GET", "/contacts/{contactId}", _get),
)
