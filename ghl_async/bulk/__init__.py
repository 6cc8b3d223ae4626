"""Many contacts at once. Everything here returns a `Run`: await it for the Summary, iterate it for the items."""

from .backfill import backfill
from .fetch import ContactBundle, fetch
from .run import Failure, Progress, Run, SampleCheck, Summary
from .store import SQLiteStore, Store

__all__ = [
    "ContactBundle",
    "Failure",
    "Progress",
    "Run",
    "SQLiteStore",
    "SampleCheck",
    "Store",
    "Summary",
    "backfill",
    "fetch",
]
