"""The nouns: msgspec Structs, and nothing else.

They know no client, no URL and no other room. Every record carries its JSON as sent (`raw`), and `extra` shows the
fields that have no name here.
"""

from ._record import KeyRecord, Quarantined, Record, decode_record, keys_of, well_formed
from .appointment import Appointment
from .calendar import Calendar
from .contact import Contact, CustomFieldValue
from .custom_field import CustomField, CustomFieldModel
from .ids import BusinessId, CalendarId, ContactId, LocationId, NoteId, TaskId, UserId
from .location import LocationDetails, LocationSettings
from .location_tag import LocationTag
from .note import Note
from .search import (
    FILTER_FIELDS,
    NESTED_FIELDS,
    SORT_FIELDS,
    ContactQuery,
    Direction,
    Filter,
    FilterGroup,
    Operator,
    SearchBody,
    Sort,
    SortField,
)
from .task import Task
from .user import User

__all__ = [
    "FILTER_FIELDS",
    "NESTED_FIELDS",
    "SORT_FIELDS",
    "Appointment",
    "BusinessId",
    "Calendar",
    "CalendarId",
    "Contact",
    "ContactId",
    "ContactQuery",
    "CustomField",
    "CustomFieldModel",
    "CustomFieldValue",
    "Direction",
    "Filter",
    "FilterGroup",
    "KeyRecord",
    "LocationDetails",
    "LocationId",
    "LocationSettings",
    "LocationTag",
    "Note",
    "NoteId",
    "Operator",
    "Quarantined",
    "Record",
    "SearchBody",
    "Sort",
    "SortField",
    "Task",
    "TaskId",
    "User",
    "UserId",
    "decode_record",
    "keys_of",
    "well_formed",
]
