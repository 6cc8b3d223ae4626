"""The nouns: msgspec Structs, and nothing else.

They know no client, no URL and no other room. Every record carries its JSON as sent (`raw`), and `extra` shows the
fields that have no name here.
"""

from ._record import KeyRecord, Quarantined, Record, decode_record, keys_of, well_formed
from .appointment import Appointment
from .calendar import Calendar
from .contact import Contact, CustomFieldValue
from .ids import BusinessId, ContactId, LocationId, NoteId, TaskId, UserId
from .location import LocationDetails, LocationSettings
from .note import Note
from .search import SORT_FIELDS, ContactQuery, Filter, FilterGroup, SearchBody, Sort, SortField
from .task import Task

__all__ = [
    "SORT_FIELDS",
    "Appointment",
    "BusinessId",
    "Calendar",
    "Contact",
    "ContactId",
    "ContactQuery",
    "CustomFieldValue",
    "Filter",
    "FilterGroup",
    "KeyRecord",
    "LocationDetails",
    "LocationId",
    "LocationSettings",
    "Note",
    "NoteId",
    "Quarantined",
    "Record",
    "SearchBody",
    "Sort",
    "SortField",
    "Task",
    "TaskId",
    "UserId",
    "decode_record",
    "keys_of",
    "well_formed",
]
