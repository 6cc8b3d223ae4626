"""The views that people query in a store, and what stands in each column. This page is the schema's documentation.

| view | one row for | identified by |
|---|---|---|
| contacts | a contact | id |
| contact_tags | a tag of a contact | contact_id, tag |
| custom_field_values | a value of a custom field of a contact | contact_id, field_id |
| tasks, notes, appointments | a record of a contact | contact_id, id (a note may belong to several contacts) |
| contacts_with_custom_fields | a contact, with a column for each custom field; made on demand | id |

`COLUMNS` names the columns of the four big ones. Each also has `raw`, the record exactly as the server sent it, so
`json_extract(raw, '$.anything')` reaches what has no column. Times are texts as the server sent them, except in
`contacts`: there they are instants in UTC with milliseconds, "2024-02-03T10:00:00.000Z", which compare as texts, and
`date_of_birth` is a day, "1980-02-03". So is a custom field of the type DATE in its column; in `custom_field_values`
it stands as it was sent, which is epoch milliseconds mostly. What was never set is NULL. What SQL cannot read in a
text, half of an emoji or the character U+0000, stands as U+FFFD in the columns. The tables below the views
(landing_...) are nobody's business and may change.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

import msgspec

from ..models import CustomField
from ..models.contact_names import KEY_BEGINS, is_own

__all__ = [
    "COLUMNS",
    "WIDE",
    "Column",
    "CustomColumn",
    "Shape",
    "View",
    "custom_columns",
    "make",
    "make_temporary",
    "make_wide",
    "show_days",
]

View: TypeAlias = Literal["contacts", "tasks", "notes", "appointments"]
Shape: TypeAlias = Literal["text", "flag", "json", "instant"]

WIDE = "contacts_with_custom_fields"


class CustomColumn(msgspec.Struct, frozen=True, gc=False):
    """The column of a custom field."""

    name: str
    is_date: bool


class Column(msgspec.Struct, frozen=True, gc=False):
    """One column of a view."""

    name: str
    sql: str
    shape: Shape = "text"
    """- text: as the server sent it; a number where it sent one.
    - flag: 1 or 0.
    - json: a list or an object, as JSON text.
    - instant: a text that all readers of ISO 8601 take, in UTC.
    """


def _read(*names: str) -> str:
    """SQL for the first of some properties that is there. `readable` is the raw JSON, mended where SQL cannot read."""
    found = [f"json_extract(readable, '$.{name}')" for name in names]
    return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"


def _day(value: str) -> str:
    """SQL for the day, in UTC, that a value means: `models.days.day_of` for a number or an ISO instant."""
    return (
        f"CASE WHEN typeof({value}) IN ('integer', 'real') THEN coalesce(date({value} / 1000.0, 'unixepoch'), {value})"
        f" WHEN {value} GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T*' THEN substr({value}, 1, 10)"
        f" ELSE {value} END"
    )


def _plain(*names: str) -> tuple[Column, ...]:
    """Columns that hold the property of the same name: "due_date" holds `dueDate`."""
    return tuple(Column(name, _read(_camel(name))) for name in names)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.title() for other in others)


_KEYS = (Column("id", "id"), Column("contact_id", "contact_id"))

# GET /contacts/ lower-cases firstName and lastName and keeps the original in ...Raw. The street is `address` in a
# search and `address1` everywhere else. An appointment's status has a misspelt twin, and `status` before both.
COLUMNS: dict[View, tuple[Column, ...]] = {
    "contacts": (
        Column("id", "id"),
        Column("first_name", _read("firstNameRaw", "firstName")),
        Column("last_name", _read("lastNameRaw", "lastName")),
        Column("contact_name", _read("contactName", "name", "fullNameLowerCase")),
        *_plain("company_name", "email", "phone"),
        Column("tags", _read("tags"), "json"),
        Column("street", _read("address1", "address")),
        *_plain("city", "state", "postal_code", "country", "website", "timezone"),
        Column("date_of_birth", _day(_read("dateOfBirth"))),
        *_plain("type", "source", "assigned_to", "business_id"),
        Column("dnd", _read("dnd"), "flag"),
        Column("dnd_settings", _read("dndSettings"), "json"),
        Column("additional_emails", _read("additionalEmails"), "json"),
        Column("additional_phones", _read("additionalPhones"), "json"),
        Column("followers", _read("followers"), "json"),
        Column("date_added", "date_added", "instant"),
        Column("date_updated", "date_updated", "instant"),
        Column("read_at", "strftime('%Y-%m-%dT%H:%M:%fZ', read_at, 'unixepoch')", "instant"),
    ),
    "tasks": (
        *_KEYS,
        *_plain("title", "body", "due_date"),
        Column("completed", _read("completed"), "flag"),
        *_plain("assigned_to"),
    ),
    "notes": (
        *_KEYS,
        *_plain("title", "body", "body_text", "color", "user_id"),
        Column("pinned", _read("pinned"), "flag"),
        *_plain("date_added", "date_updated"),
    ),
    "appointments": (
        *_KEYS,
        *_plain("calendar_id", "title"),
        Column("status", _read("appointmentStatus", "appoinmentStatus", "status")),
        *_plain("start_time", "end_time", "address", "notes", "description", "assigned_user_id"),
        Column("deleted", _read("deleted"), "flag"),
        *_plain("date_added", "date_updated"),
    ),
}

_LISTS = """
CREATE VIEW contact_tags AS SELECT contact.id AS contact_id, tag.value AS tag
FROM landing_contacts AS contact, json_each(contact.readable, '$.tags') AS tag
WHERE tag.value IS NOT NULL;

CREATE VIEW custom_field_values AS SELECT
    contact.id AS contact_id,
    json_extract(contact.readable, field.fullkey || '.id') AS field_id,
    json_extract(contact.readable, field.fullkey || '.value') AS value
FROM landing_contacts AS contact, json_each(contact.readable, '$.customFields') AS field
WHERE json_extract(contact.readable, field.fullkey || '.id') IS NOT NULL;
"""


def make(database: sqlite3.Connection) -> None:
    """Make all views, in place of those that an older version has made. Must run inside a transaction."""
    for view in COLUMNS:
        database.execute(f"DROP VIEW IF EXISTS {view}")
        database.execute(f"CREATE VIEW {_definition(view)}")
    for name in ("contact_tags", "custom_field_values"):
        database.execute(f"DROP VIEW IF EXISTS {name}")
    for statement in _LISTS.split(";"):
        database.execute(statement)


def make_temporary(database: sqlite3.Connection, view: View) -> None:
    """Make a view for this connection alone: what an older version's file shows does not matter then."""
    database.execute(f"CREATE TEMP VIEW {_definition(view)}")


def show_days(database: sqlite3.Connection) -> None:
    """Make the views anew that showed a day as it was sent. Must run inside a transaction.

    Of `contacts_with_custom_fields` it is the date of birth: which custom fields are dates is not known here.
    """
    make(database)
    before, now = (f"{sql} AS date_of_birth" for sql in (_read("dateOfBirth"), _day(_read("dateOfBirth"))))
    found = database.execute("SELECT sql FROM sqlite_master WHERE type = 'view' AND name = ?", (WIDE,)).fetchone()
    if found is not None:
        database.execute(f"DROP VIEW {WIDE}")
        database.execute(found[0].replace(before, now, 1))


def make_wide(database: sqlite3.Connection, custom: Mapping[str, CustomColumn]) -> None:
    """Make the view `contacts_with_custom_fields`, in place of an earlier one. Must run inside a transaction.

    Args:
        custom: the column of each custom field, by its id.
    """
    database.execute(f"DROP VIEW IF EXISTS {WIDE}")
    columns = [f"{column.sql} AS {column.name}" for column in COLUMNS["contacts"]]
    columns += [f"{_value_of(field_id, each)} AS {_quoted(each.name)}" for field_id, each in custom.items()]
    listed = ", ".join((*columns, "raw"))
    database.execute(f"CREATE VIEW {WIDE} AS SELECT {listed} FROM landing_contacts AS contact")  # noqa: S608  (quoted)


def custom_columns(fields: Iterable[CustomField]) -> dict[str, CustomColumn]:
    """The column of each custom field, by its id; it is called as the field is, as people know it.

    Where another field has that name too, or a contact has a field of its own that is called so in any spelling
    ("First Name"), it is the field's key ("contact.city"), or else its id: `ghl-async update` takes each of them for
    this field, and for no other.
    """
    known = tuple(fields)
    times = Counter(name for field in known for name in _all_names(field))
    taken: set[str] = set()
    columns: dict[str, CustomColumn] = {}
    for field in known:
        is_plain = field.name and field.name.strip() and times[_folded(field.name)] == 1 and not is_own(field.name)
        is_key = field.field_key and (field.field_key.startswith(KEY_BEGINS) or not is_own(field.field_key))
        choices = (field.name if is_plain else None, field.field_key if is_key else None)
        chosen = next((name for name in choices if name and _folded(name) not in taken), field.id)
        columns[field.id] = CustomColumn(chosen, is_date=field.data_type == "DATE")
        taken.add(_folded(chosen))
    return columns


def _all_names(field: CustomField) -> set[str]:
    """All that one field can be called in a file of changes."""
    key = _folded(field.field_key)
    return {_folded(field.name), key, key.partition(".")[2], _folded(field.id)}


def _folded(name: str | None) -> str:
    return (name or "").strip().casefold()


def _definition(view: View) -> str:
    columns = [
        column.sql if column.sql == column.name else f"{column.sql} AS {column.name}" for column in COLUMNS[view]
    ]
    listed = ",\n    ".join((*columns, "raw"))
    return f"{view} AS SELECT\n    {listed}\nFROM landing_{view}"


def _quoted(name: str) -> str:
    """An identifier, whatever stands in it."""
    return '"' + name.replace('"', '""') + '"'


def _value_of(field_id: str, column: CustomColumn) -> str:
    """SQL for the value of one custom field; lists and objects are JSON text."""
    value = "json_extract(contact.readable, field.fullkey || '.value')"
    literal = "'" + field_id.replace("'", "''") + "'"
    return (
        f"(SELECT {_day(value) if column.is_date else value}"  # noqa: S608  (the literal is escaped)
        " FROM json_each(contact.readable, '$.customFields') AS field"
        f" WHERE json_extract(contact.readable, field.fullkey || '.id') = {literal} LIMIT 1)"
    )
