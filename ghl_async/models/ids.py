"""Names for the ids in signatures. All are text; the examples show the shapes the API's own documentation uses."""

from typing import TypeAlias

__all__ = [
    "AppointmentId",
    "BlockSlotId",
    "BusinessId",
    "CalendarId",
    "CampaignId",
    "ContactId",
    "LocationId",
    "NoteId",
    "TaskId",
    "UserId",
    "WorkflowId",
]

ContactId: TypeAlias = str
"""For example "sx6wyHhbFdRXh302LLNR"."""
LocationId: TypeAlias = str
"""For example "ve9EPM428h8vShlRW1KT"."""
TaskId: TypeAlias = str
"""For example "dUN0uJ97VYOKH2m3fkMD"."""
NoteId: TypeAlias = str
"""For example "GCs5KuzPqTls7vWclkEV"."""
UserId: TypeAlias = str
"""For example "641c094001436dbc2081"."""
BusinessId: TypeAlias = str
"""24 hexadecimal digits, for example "63b7ec34ea409a9a8bd2a4ff"."""
CalendarId: TypeAlias = str
"""For example "CVokAlI8fgw4WYWoCtQz"."""
AppointmentId: TypeAlias = str
"""For example "0TkCdp9PfvLeWKYRRvIz"."""
BlockSlotId: TypeAlias = str
"""For example "0TkCdp9PfvLeWKYRRvIz"."""
CampaignId: TypeAlias = str
"""For example "mIVALPYuTD7YjUHnFEx4"."""
WorkflowId: TypeAlias = str
"""For example "78559bb3-b920-461e-b010-7b2a2816d2a9"."""
