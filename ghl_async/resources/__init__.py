"""The verbs: one file a noun of the API.

A resource is given a `send` function and the location it works for. It knows which request a verb is and what comes
back, and nothing of sockets, quota, retries or tokens.
"""

from .appointments import Appointments
from .automations import Automations
from .block_slots import BlockSlots
from .businesses import Businesses
from .calendars import Calendars
from .contacts import Contacts
from .custom_fields import CustomFields
from .location import Location
from .location_tags import LocationTags
from .notes import Notes
from .tags import Tags
from .tasks import Tasks
from .users import Users

__all__ = [
    "Appointments",
    "Automations",
    "BlockSlots",
    "Businesses",
    "Calendars",
    "Contacts",
    "CustomFields",
    "Location",
    "LocationTags",
    "Notes",
    "Tags",
    "Tasks",
    "Users",
]
