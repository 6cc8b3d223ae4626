"""Many contacts at once. Everything here returns a `Run`: await it for the Summary, iterate it for the items."""

from ._doors import Way
from .backfill import backfill
from .fetch import ContactBundle, fetch
from .plan import Plan, PlannedWay, plan
from .run import Failure, Progress, Run, SampleCheck, Summary
from .store import SQLiteStore, Store

__all__ = [
    "ContactBundle",
    "Failure",
    "Plan",
    "PlannedWay",
    "Progress",
    "Run",
    "SQLiteStore",
    "SampleCheck",
    "Store",
    "Summary",
    "Way",
    "backfill",
    "fetch",
    "plan",
]
