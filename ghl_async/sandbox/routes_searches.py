"""The location-wide searches: tasks, notes, and the events of a calendar in a window (facts 8.2 to 8.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from .call import EVENTS_SCOPE, Call, Operation
from .events import event_view
from .refusals import unprocessable
from .shapes import expect_shape
from .streams import named_contacts, page_of_all, page_of_some

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .location import Location, Ref
    from .shapes import Shape

__all__ = ["SEARCH_ROUTES", "read_window"]

_DEFAULT_LIMIT: Final = 25
_EVERYTHING: Final = 10**9
_encode = msgspec.json.Encoder().encode

_TASKS_BODY: Final[Mapping[str, Shape]] = {  # facts 8.2 [spec]
    "contactId": "strings", "completed": "boolean", "assignedTo": "strings", "query": "string", "limit": "number",
    "skip": "number", "businessId": "string",
}  # fmt: skip


def _tasks(call: Call) -> bytes:
    # facts 8.2 [spec][docs]: {tasks}, no total, a scope of its own, limit 25 and skip 0 in the body
    call.expect_query(frozenset(), location=False)
    body = call.json()
    expect_shape(body, _TASKS_BODY)
    limit, skip = _page(call, "tasks", body)
    location = call.location(call.params[0], "locations/tasks.readonly")

    def read(ref: Ref) -> list[dict[str, Any]]:
        business_id = body.get("businessId")
        if business_id is not None and location.record(ref)["businessId"] != business_id:
            return []
        return [task for task in location.tasks(ref) if _task_fits(task, body)]

    if body.get("contactId") is not None:
        tasks = page_of_some(named_contacts(location, body["contactId"]), read, skip, limit)
    else:
        tasks = page_of_all(location, _name("tasks", body), read, skip, limit)
    return _encode({"tasks": tasks})


def _page(call: Call, route: Any, body: Mapping[str, Any]) -> tuple[int, int]:
    asked = body.get("limit")
    limit = call.state.pages.given(route, "limit", _DEFAULT_LIMIT if asked is None else asked)
    return limit, int(body.get("skip") or 0)


def _name(kind: str, body: Mapping[str, Any]) -> str:
    picked = {name: value for name, value in sorted(body.items()) if name not in {"limit", "skip", "count"}}
    return kind + _encode(picked).decode()


def _task_fits(task: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    if body.get("completed") is not None and task.get("completed") != body["completed"]:
        return False
    if body.get("assignedTo") is not None and task.get("assignedTo") not in body["assignedTo"]:
        return False
    return _mentions(body.get("query"), task.get("title"), task.get("body"))


def _mentions(query: str | None, *texts: object) -> bool:
    """Tell whether one of the texts holds the query, whatever the case; what the query looks at is a guess."""
    return not query or any(query.lower() in text.lower() for text in texts if isinstance(text, str))


_NOTES_BODY: Final[Mapping[str, Shape]] = {  # facts 8.4 [docs]
    "locationId": "string", "query": "string", "sources": "strings", "createdByUserId": "string", "limit": "number",
    "skip": "number", "sortBy": "string", "sortOrder": "string", "count": "boolean", "relations": "strings",
    "includeRelationRecords": "boolean",
}  # fmt: skip
_NOTE_FILTERS: Final = ("query", "sources", "createdByUserId", "relations")


def _notes(call: Call) -> bytes:
    # facts 8.4: the body [docs], the answer {notes, count?} [guess], the scope [guess]
    call.expect_query(frozenset(), location=False)
    body = call.json()
    expect_shape(body, _NOTES_BODY, ("locationId",))
    _expect_order(body)
    limit, skip = _page(call, "notes", body)
    location = call.location(body["locationId"], "notes.readonly")
    named = body.get("relations")

    def read(ref: Ref) -> list[dict[str, Any]]:
        return [note for note in location.notes(ref) if _note_fits(note, body)]

    def read_once(ref: Ref) -> list[dict[str, Any]]:
        return [note for note in read(ref) if _owner(location, note) in (None, location.id_of(ref))]

    refs = location.walk(descending=False) if named is None else named_contacts(location, named)
    content: dict[str, Any] = {}
    if body.get("sortBy"):
        notes = page_of_some(refs, read, 0, _EVERYTHING)
        notes.sort(key=lambda note: (str(note.get("dateAdded")), note["id"]), reverse=body.get("sortOrder") != "asc")
        content["notes"] = notes[skip : skip + limit]
    elif named is None:
        content["notes"] = page_of_all(location, _name("notes", body), read_once, skip, limit)
    else:
        content["notes"] = page_of_some(refs, read, skip, limit)
    if body.get("count"):
        content["count"] = _count(location, body, read)
    return _encode(content)


def _expect_order(body: Mapping[str, Any]) -> None:
    # facts 8.4 [docs]: sortBy e.g. dateAdded, sortOrder asc or desc; wording [guess]
    messages = [
        f"{name} must be one of the following values: {', '.join(allowed)}"
        for name, allowed in (("sortBy", ("dateAdded",)), ("sortOrder", ("asc", "desc")))
        if body.get(name) is not None and body[name] not in allowed
    ]
    if messages:
        raise unprocessable(messages)


def _note_fits(note: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    if body.get("createdByUserId") is not None and note.get("userId") != body["createdByUserId"]:
        return False
    # facts 8.4 [docs]: sources such as WEB_USER and WORKFLOW; that a note without a user is a workflow's is a guess
    if body.get("sources") is not None and ("WEB_USER" if note.get("userId") else "WORKFLOW") not in body["sources"]:
        return False
    return _mentions(body.get("query"), note.get("title"), note.get("body"), note.get("bodyText"))


def _owner(location: Location, note: Mapping[str, Any]) -> str | None:
    """Return the first contact of a note that still exists: with it the note comes, once."""
    contacts = [relation["recordId"] for relation in note.get("relations", ())]
    return next((contact for contact in contacts if location.find(contact) is not None), None)


def _count(location: Location, body: Mapping[str, Any], read: Callable[[Ref], list[dict[str, Any]]]) -> int:
    if all(body.get(name) is None for name in _NOTE_FILTERS):
        return location.count_notes()
    named = body.get("relations")
    refs = location.walk(descending=False) if named is None else named_contacts(location, named)
    return len({note["id"] for ref in refs for note in read(ref)})


_EVENTS_QUERY: Final = frozenset({"locationId", "startTime", "endTime", "calendarId", "userId", "groupId"})


def read_window(call: Call) -> tuple[int, int]:
    """Validate the query of events and blocked slots and return its window, in epoch ms.

    Raises:
        Refusal: 422 with a list.
    """
    # facts 8.3 [spec]: epoch ms as strings, 0 and 4102444800000 accepted [live]
    call.expect_query(_EVENTS_QUERY)
    missing = [f"{name} should not be empty" for name in ("startTime", "endTime") if not call.query.get(name)]
    if missing:
        raise unprocessable(missing)
    first_ms, last_ms = (call.whole_number(name, 0, 0, None) for name in ("startTime", "endTime"))
    if not any(
        call.query.get(name) for name in ("calendarId", "userId", "groupId")
    ):  # facts 8.3 [spec]; wording [guess]
        raise unprocessable(["Either of calendarId, userId or groupId is required"])
    return first_ms, last_ms


def _events(call: Call) -> bytes:
    # facts 8.3 [spec]: {events}, no pagination
    first_ms, last_ms = read_window(call)
    calendar_id, user_id, group_id = (call.query.get(name) for name in ("calendarId", "userId", "groupId"))
    location = call.location(call.query["locationId"], EVENTS_SCOPE)
    living = location.children.calendar_ids  # of a deleted calendar nothing is shown [guess]
    calendars = [one for one in living if not calendar_id or one == calendar_id]
    if group_id:
        calendars = []  # no calendar here is in a group
    # an appointment belongs to the window in which it starts [guess]
    found = location.calendar_events(calendars, first_ms, last_ms)
    events = [
        event_view(appointment, location.events.zone)
        for appointment in found
        if not user_id or appointment.get("assignedUserId") == user_id
    ]
    return _encode({"events": events})


SEARCH_ROUTES: Final = (
    Operation("POST", "/locations/{locationId}/tasks/search", _tasks),
    Operation("POST", "/notes/search", _notes, only_v3=True),
    Operation("GET", "/calendars/events", _events),
)
