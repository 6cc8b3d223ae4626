"""Writing tasks and notes of a contact (facts 7.1 rows 16, 18, 19, 21, 23, 24, 25)."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .call import CONTACTS_WRITE, Call, Operation
from .dictionaries import now_iso
from .ids import iso
from .routes_children import one_of
from .routes_profiles import SUCCEEDED
from .shapes import expect_shape, instant_ms
from .writes import touch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .childlists import Kind
    from .location import Location, Ref
    from .shapes import Shape

__all__ = ["TASK_NOTE_ROUTES"]

_TASK: Final[Mapping[str, Shape]] = {
    "title": "string", "body": "string", "dueDate": "instant", "completed": "boolean", "assignedTo": "string",
}  # fmt: skip
_NOTE: Final[Mapping[str, Shape]] = {
    "body": "string", "userId": "string", "title": "string", "color": "string", "pinned": "boolean",
}  # fmt: skip
_encode = msgspec.json.Encoder().encode


def _add(call: Call, kind: Kind, child: dict[str, Any], where: tuple[Location, Ref]) -> dict[str, Any]:
    location, ref = where
    child = location.lists.add(kind, ref, child)
    touch(call, location, ref)
    return child


def _change(call: Call, kind: Kind, changes: dict[str, Any]) -> dict[str, Any]:
    location, ref = call.contact(call.params[0], CONTACTS_WRITE)
    noun = "Task" if kind == "tasks" else "Note"
    child = one_of(noun, location.lists.of(kind, ref), call.params[1]) | changes
    child = {name: value for name, value in child.items() if value is not None or name == "userId"}
    location.lists.replace(kind, ref, child["id"], child)
    touch(call, location, ref)
    return child


def _delete(call: Call, kind: Kind) -> bytes:
    # rows 19, 24 [live]: both spellings
    location, ref = call.contact(call.params[0], CONTACTS_WRITE)
    noun = "Task" if kind == "tasks" else "Note"
    child = one_of(noun, location.lists.of(kind, ref), call.params[1])
    location.lists.replace(kind, ref, child["id"], None)
    touch(call, location, ref)
    return SUCCEEDED


def _task_fields(body: dict[str, Any]) -> dict[str, Any]:
    # facts 7.4 [live]: dueDate normalised to milliseconds and Z, body and assignedTo left out when unset
    fields = {name: body[name] for name in _TASK if name in body}
    if fields.get("dueDate") is not None:
        fields["dueDate"] = iso(instant_ms(fields["dueDate"]) or 0)
    # null clears the two that may be unset and leaves the others as they are [guess]
    return {name: value for name, value in fields.items() if value is not None or name in {"body", "assignedTo"}}


def _create_task(call: Call) -> bytes:
    # row 21: {task}, 201
    body = call.json()
    expect_shape(body, _TASK, ("title", "dueDate", "completed"))
    location, ref = call.contact(call.params[0], CONTACTS_WRITE)
    fields = {name: value for name, value in _task_fields(body).items() if value is not None}
    return _encode({"task": _add(call, "tasks", fields | {"contactId": call.params[0]}, (location, ref))})


def _update_task(call: Call) -> bytes:
    # row 23: a part is enough [live]
    body = call.json()
    expect_shape(body, _TASK)
    return _encode({"task": _change(call, "tasks", _task_fields(body))})


def _complete_task(call: Call) -> bytes:
    # row 25
    body = call.json()
    expect_shape(body, {"completed": "boolean"}, ("completed",))
    return _encode({"task": _change(call, "tasks", body)})


def _delete_task(call: Call) -> bytes:
    return _delete(call, "tasks")


_BREAK: Final = re.compile(r"<\s*(?:br|/p|/div|/li|/ul|/ol|/h\d)\b[^>]*>", re.IGNORECASE)
_MARKUP: Final = re.compile(r"<[^>]+>")


def _plain(text: str) -> str:
    # facts 7.4 [live]: bodyText is the plain-text form of a possibly HTML body; how lines are made is a guess
    if not _MARKUP.search(text):
        return text
    lines = html.unescape(_MARKUP.sub("", _BREAK.sub("\n", text))).split("\n")
    return "\n".join(line.strip() for line in lines if line.strip())


def _note_fields(body: dict[str, Any]) -> dict[str, Any]:
    fields = {name: body[name] for name in _NOTE if name in body}
    if fields.get("body") is not None:
        fields["bodyText"] = _plain(fields["body"])
    # null clears what may be unset and leaves the others as they are [guess]
    return {name: value for name, value in fields.items() if value is not None or name not in {"body", "pinned"}}


def _create_note(call: Call) -> bytes:
    # row 16: {note}, 201; facts 7.4 [live]: userId null, title and color left out when unset
    body = call.json()
    expect_shape(body, _NOTE, ("body",))
    location, ref = call.contact(call.params[0], CONTACTS_WRITE)
    contact_id = call.params[0]
    given = {name: value for name, value in _note_fields(body).items() if value is not None}
    blank = {"body": "", "bodyText": "", "userId": None, "dateAdded": now_iso(), "contactId": contact_id}
    relations = [{"objectKey": "contact", "recordId": contact_id}]
    note = blank | {"pinned": False, "relations": relations} | given
    return _encode({"note": _add(call, "notes", note, (location, ref))})


def _update_note(call: Call) -> bytes:
    # row 18: all optional
    body = call.json()
    more = ["body should not be empty"] if body.get("body") == "" else []  # as when it is made [guess]
    expect_shape(body, _NOTE, more=more)
    return _encode({"note": _change(call, "notes", _note_fields(body))})


def _delete_note(call: Call) -> bytes:
    return _delete(call, "notes")


_TASKS, _NOTES = "/contacts/{contactId}/tasks", "/contacts/{contactId}/notes"

TASK_NOTE_ROUTES: Final = (
    Operation("POST", _TASKS, _create_task, status=201, writes=True, creates=True),
    Operation("PUT", f"{_TASKS}/{{taskId}}", _update_task, writes=True),
    Operation("PUT", f"{_TASKS}/{{taskId}}/completed", _complete_task, writes=True),
    Operation("DELETE", f"{_TASKS}/{{taskId}}", _delete_task, writes=True),
    Operation("POST", _NOTES, _create_note, status=201, writes=True, creates=True),
    Operation("PUT", f"{_NOTES}/{{id}}", _update_note, writes=True),
    Operation("DELETE", f"{_NOTES}/{{id}}", _delete_note, writes=True),
)
