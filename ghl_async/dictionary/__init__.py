"""What a location consists of, besides contacts: read seldom, kept for a while, found by name.

Custom fields, tags, users, calendars and the location itself change rarely, and much of what people write names them.
This room knows callables that read them, and nothing of HTTP.
"""

from ._custom_fields import custom_fields_by_name, named
from ._index import Index
from .reference import Dictionary, Kind

__all__ = ["Dictionary", "Index", "Kind", "custom_fields_by_name", "named"]
