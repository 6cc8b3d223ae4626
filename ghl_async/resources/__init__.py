"""The verbs: one file a noun of the API.

A resource is given a `send` function and the location it works for. It knows which request a verb is and what comes
back, and nothing of sockets, quota, retries or tokens.
"""

from .appointments import Appointments
from .calendars import Calendars
from .contacts import Contacts
from .location import Location
from .notes import Notes
from .tasks import Tasks

__all__ = ["Appointments", "Calendars", "Contacts", "Location", "Notes", "Tasks"]
