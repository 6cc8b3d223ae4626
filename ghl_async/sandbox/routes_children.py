"""Tasks, notes and appointments of one contact: everything in one answer, no pagination (facts 6.1 [spec])."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from .call import Call, Operation
from .refusals import bad_request

__all__ = ["CHILD_ROUTES", "one_of"]

_encode = msgspec.json.Encoder().encode


def _tasks(call: Call) -> bytes:
    location, ref = call.contact(call.params[0])
    return _encode({"tasks": location.tasks(ref)})  # facts 7.1 row 20


def _task(call: Call) -> bytes:
    location, ref = call.contact(call.params[0])
    return _encode({"task": one_of("Task", location.tasks(ref), call.params[1])})  # facts 7.1 row 22


def _notes(call: Call) -> bytes:
    location, ref = call.contact(call.params[0])
    return _encode({"notes": location.notes(ref)})  # facts 7.1 row 15


def _note(call: Call) -> bytes:
    location, ref = call.contact(call.params[0])
    return _encode({"note": one_of("Note", location.notes(ref), call.params[1])})  # facts 7.1 row 17


def _appointments(call: Call) -> bytes:
    location, ref = call.contact(call.params[0])
    return _encode({"events": location.appointments(ref)})  # facts 7.1 row 26: wrapper `events`


def one_of(noun: str, items: list[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """Return the item of this id.

    Raises:
        Refusal: 400 where there is none.
    """
    for item in items:
        if item["id"] == wanted:
            return item
    raise bad_request(f"{noun} with id {wanted} not found")  # as for contacts, facts 5.2; for children [guess]


CHILD_ROUTES: Final = (
    Operation("GET", "/contacts/{contactId}/tasks", _tasks),
    Operation("GET", "/contacts/{contactId}/tasks/{taskId}", _task),
    Operation("GET", "/contacts/{contactId}/notes", _notes),
    Operation("GET", "/contacts/{contactId}/notes/{id}", _note),
    Operation("GET", "/contacts/{contactId}/appointments", _appointments),
)
