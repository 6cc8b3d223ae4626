"""The verbs: one file a noun of the API.

A resource is given a `send` function and the location it works for. It knows which request a verb is and what comes
back, and nothing of sockets, quota, retries or tokens.
"""

from .appointments import Appointments
from .calendars import Calendars
from .contacts import Contacts
from .custom_fields import CustomFields
from .location import Location
from .location_tags import LocationTags
from .notes import Notes
from .tasks import Tasks
from .users import Users

__all__ = [
    "Appointments",
    "Calendars",
    "Contacts",
    "CustomFields",
    "Location",
    "LocationTags",
    "Notes",
    "Tasks",
    "Users",
]
