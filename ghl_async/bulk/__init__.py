"""Many contacts at once. What costs requests returns a `Run`: await it for the Summary, iterate it for the items."""

from ._depth import Rhythm
from ._doors import Way
from ._findings import Change, Changes, Verified
from ._outcome import Outcome, Written
from ._own import OwnWrites
from ._rows import Difference
from .backfill import backfill
from .export import Exported, export, spread_custom_fields
from .fetch import ContactBundle, fetch
from .plan import Plan, PlannedWay, plan
from .run import Failure, Progress, Run, SampleCheck, Summary
from .store import SQLiteStore, Store
from .sync import sync
from .update import (
    assign,
    complete_tasks,
    create,
    create_notes,
    create_tasks,
    delete,
    delete_notes,
    delete_tasks,
    tag,
    update,
    upsert,
)
from .verify import verify

__all__ = [
    "Change",
    "Changes",
    "ContactBundle",
    "Difference",
    "Exported",
    "Failure",
    "Outcome",
    "OwnWrites",
    "Plan",
    "PlannedWay",
    "Progress",
    "Rhythm",
    "Run",
    "SQLiteStore",
    "SampleCheck",
    "Store",
    "Summary",
    "Verified",
    "Way",
    "Written",
    "assign",
    "backfill",
    "complete_tasks",
    "create",
    "create_notes",
    "create_tasks",
    "delete",
    "delete_notes",
    "delete_tasks",
    "export",
    "fetch",
    "plan",
    "spread_custom_fields",
    "sync",
    "tag",
    "update",
    "upsert",
    "verify",
]
