"""The public signatures as users write them. Never run: the type checker alone reads this file."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import assert_type

import ghl_async
from ghl_async import (
    ContactQuery,
    DailyQuotaExhausted,
    DuplicateContact,
    GHLClient,
    GHLError,
    NotFound,
    Quota,
    RateLimited,
    RetryPolicy,
    UsageError,
    __version__,
    bulk,
)
from ghl_async.hooks import Event, LoggingHook, RequestFinished, Stats
from ghl_async.models import (
    Appointment,
    Calendar,
    Contact,
    CustomField,
    Filter,
    FilterGroup,
    LocationDetails,
    LocationTag,
    Note,
    Task,
    User,
)
from ghl_async.pagination import Page

assert_type(__version__, str)
_ = ghl_async.Contakt  # type: ignore[attr-defined] # a misspelt name is found although names are resolved lazily


def clients() -> list[GHLClient]:
    def hook(event: Event) -> None:
        if isinstance(event, RequestFinished):
            assert_type(event.seconds, float)

    return [
        GHLClient("token", location_id="loc"),
        GHLClient(
            "token",
            location_id="loc",
            base_url="http://127.0.0.1:8080",
            deadline_seconds=30,
            quota=Quota(requests=25),
            retry=RetryPolicy(attempts=3),
            hooks=[hook, LoggingHook()],
        ),
    ]


async def contacts(ghl: GHLClient) -> None:
    assert_type(await ghl.contacts.get("id"), Contact)
    query = ContactQuery(tags=["vip"], added_since=datetime(2026, 1, 1, tzinfo=UTC), sort="date_added")
    page = await ghl.contacts.search(query)
    assert_type(page, Page[Contact])
    assert_type(page.items, tuple[Contact, ...])
    assert_type(ghl.contacts.pages(query), AsyncIterator[Page[Contact]])
    async for contact in ghl.contacts.iterate():
        assert_type(contact, Contact)
        assert_type(contact.raw, bytes)
    assert_type(await ghl.contacts.find_duplicate(email="a@example.com"), Contact | None)
    assert_type(await ghl.contacts.list_legacy(), Page[Contact])
    assert_type(await ghl.contacts.list_by_business("business"), Page[Contact])


async def conditions(ghl: GHLClient) -> None:
    berlin = Filter("city", "eq", "Berlin")
    ContactQuery(where=berlin)
    ContactQuery(where=FilterGroup("OR", [berlin, FilterGroup("AND", (Filter("email", "not_exists"),))]))
    ContactQuery(where=[berlin], sort=["last_name_lower_case", "email"], direction=["asc", "desc"])
    Filter("city", "equals", "Berlin")  # type: ignore[arg-type] # an unknown operator is found by the type checker too
    ContactQuery(sort=["dateAdded"])  # type: ignore[list-item] # so is the API's spelling of a sort key
    assert_type(await ghl.contacts.lookup(email="a@example.com"), Page[Contact])


async def what_belongs_to_a_contact(ghl: GHLClient) -> None:
    assert_type(await ghl.tasks.list("contact"), list[Task])
    assert_type(await ghl.tasks.get("contact", "task"), Task)
    assert_type(await ghl.notes.list("contact"), list[Note])
    assert_type(await ghl.notes.get("contact", "note"), Note)
    assert_type(await ghl.appointments.list("contact"), list[Appointment])


async def what_is_read_at_once(ghl: GHLClient) -> None:
    assert_type(await ghl.tasks.search(contact_ids=["contact"], completed=False), Page[Task])
    assert_type(ghl.tasks.iterate(assigned_to=["user"]), AsyncIterator[Task])
    assert_type(await ghl.notes.search(relations=["contact"], skip=100), Page[Note])
    assert_type(ghl.notes.iterate(page_size=50), AsyncIterator[Note])
    since, before = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    assert_type(await ghl.appointments.in_calendar("calendar", since=since, before=before), list[Appointment])
    assert_type(await ghl.appointments.page_in_calendar("calendar", since=since, before=before), Page[Appointment])


async def the_location(ghl: GHLClient) -> None:
    async with ghl as opened:
        assert_type(opened, GHLClient)
        assert_type(await opened.location.get(), LocationDetails)
        assert_type(await opened.calendars.list(), list[Calendar])
        assert_type(await opened.location_tags.list(), list[LocationTag])
        assert_type(await opened.custom_fields.list(model="all"), list[CustomField])
        assert_type(await opened.users.list(), list[User])
        assert_type(await opened.background.contacts.get("id"), Contact)
        assert_type(opened.stats, Stats)
        assert_type(opened.location_id, str)


async def errors(ghl: GHLClient) -> None:
    try:
        await ghl.contacts.get("id")
    except NotFound as error:
        assert_type(error.status, int)
    except DuplicateContact as error:
        assert_type(error.contact_id, str | None)
    except RateLimited as error:
        assert_type(error.retry_after_seconds, float | None)
    except DailyQuotaExhausted as error:
        assert_type(error.resets_at, datetime | None)
    except (UsageError, GHLError):
        pass


async def a_whole_location(ghl: GHLClient) -> None:
    store = bulk.SQLiteStore("location.db")
    summary = await bulk.backfill(ghl, store, include=("tasks", "notes"))
    assert_type(summary, bulk.Summary)
    plan = await bulk.plan(ghl, ContactQuery(tags=["vip"]), include=("notes",), store=bulk.SQLiteStore("location.db"))
    assert_type(plan, bulk.Plan)
    assert_type(plan.ways, tuple[bulk.PlannedWay, ...])
    assert_type(plan.breaks_floor, bool)
    async for bundle in bulk.fetch(ghl, ContactQuery(tags=["vip"])):
        assert_type(bundle, bulk.ContactBundle)
        assert_type(bundle.contact, Contact | None)
