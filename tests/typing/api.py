"""The public signatures as users write them. Never run: the type checker alone reads this file."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, assert_type

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
from ghl_async.dictionary import Dictionary
from ghl_async.hooks import Event, LoggingHook, RequestFinished, Stats
from ghl_async.models import (
    Appointment,
    AppointmentChanges,
    AppointmentDraft,
    BlockSlot,
    BlockSlotChanges,
    BlockSlotDraft,
    Business,
    BusinessChanges,
    BusinessDraft,
    Calendar,
    Campaign,
    Contact,
    ContactChanges,
    ContactDraft,
    CustomField,
    DndSetting,
    DndSettings,
    Filter,
    FilterGroup,
    ItemResult,
    LocationDetails,
    LocationTag,
    Note,
    NoteChanges,
    NoteDraft,
    TagResult,
    Task,
    TaskChanges,
    TaskDraft,
    Upserted,
    User,
    Workflow,
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


async def writes_of_contacts(ghl: GHLClient) -> None:
    draft = ContactDraft(first_name="Ann", tags=["vip"], dnd_settings=DndSettings(sms=DndSetting(status="active")))
    assert_type(await ghl.contacts.create(draft), Contact)
    assert_type(await ghl.contacts.update("contact", ContactChanges(last_name=None), replace_tags=True), Contact)
    assert_type(await ghl.contacts.upsert(draft, check=False), Upserted)
    await ghl.contacts.delete("contact")
    assert_type(await ghl.contacts.add_followers("contact", ["user"]), list[str])
    assert_type(await ghl.tags.add("contact", ["vip"]), list[str])
    assert_type(await ghl.tags.add_many(["contact"], ("vip",)), list[TagResult])
    assert_type(await ghl.tags.remove_many(["contact"], all_tags=True), list[TagResult])
    ContactDraft(assigned_to=None)  # type: ignore[arg-type] # the API takes no null there, and the type says so
    ContactDraft(fist_name="Ann")  # type: ignore[call-arg] # a misspelt field is found by the type checker
    DndSetting(status="on")  # type: ignore[arg-type] # so is a status that does not exist


async def writes_of_what_belongs_to_a_contact(ghl: GHLClient) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert_type(await ghl.tasks.create("contact", TaskDraft(title="Call", due_date=at), look_first=False), Task)
    assert_type(await ghl.tasks.update("contact", "task", TaskChanges(completed=True)), Task)
    assert_type(await ghl.tasks.complete("contact", "task"), Task)
    assert_type(await ghl.tasks.reopen("contact", "task"), Task)
    assert_type(await ghl.notes.create("contact", NoteDraft(body="hello")), Note)
    assert_type(await ghl.notes.update("contact", "note", NoteChanges(pinned=True)), Note)
    TaskDraft(title="Call")  # type: ignore[call-arg] # a task needs its due date


async def writes_of_calendars(ghl: GHLClient) -> None:
    at, later = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    draft = AppointmentDraft(calendar_id="calendar", contact_id="contact", start_time=at)
    assert_type(await ghl.appointments.create(draft), Appointment)
    assert_type(await ghl.appointments.get("appointment"), Appointment)
    changes = AppointmentChanges(appointment_status="noshow")
    assert_type(await ghl.appointments.update("appointment", changes), Appointment)
    assert_type(await ghl.calendars.free_slots("calendar", since=at, before=later), dict[date, list[datetime]])
    slot = BlockSlotDraft(start_time=at, end_time=later, calendar_id="calendar")
    assert_type(await ghl.block_slots.create(slot), BlockSlot)
    assert_type(await ghl.block_slots.update("slot", BlockSlotChanges(assigned_user_id="user")), BlockSlot)
    assert_type(await ghl.block_slots.list(since=at, before=later, user_id="user"), list[BlockSlot])


async def businesses_and_automations(ghl: GHLClient) -> None:
    assert_type(await ghl.businesses.list(), Page[Business])
    assert_type(await ghl.businesses.create(BusinessDraft(name="Example Ltd")), Business)
    assert_type(await ghl.businesses.update("business", BusinessChanges(city="Berlin")), Business)
    assert_type(await ghl.businesses.assign(["contact"], None), list[ItemResult])
    assert_type(await ghl.automations.campaigns(), list[Campaign])
    assert_type(await ghl.automations.workflows(), list[Workflow])


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


async def what_the_location_consists_of(ghl: GHLClient, contact: Contact) -> None:
    assert_type(ghl.dictionary, Dictionary)
    assert_type(await ghl.dictionary.custom_fields(), tuple[CustomField, ...])
    assert_type(await ghl.dictionary.tags(), tuple[LocationTag, ...])
    assert_type(await ghl.dictionary.users(), tuple[User, ...])
    assert_type(await ghl.dictionary.calendars(), tuple[Calendar, ...])
    assert_type(await ghl.dictionary.location(), LocationDetails)
    assert_type(await ghl.dictionary.custom_field("Pin code"), CustomField)
    assert_type(await ghl.dictionary.user("ann@example.com"), User)
    assert_type(await ghl.dictionary.with_custom_fields(lambda fields: fields.has("pincode")), bool)
    assert_type(await ghl.dictionary.named(contact, by="name"), dict[str, Any])
    ghl.dictionary.forget("tags", "users")
    ghl.dictionary.forget("tag")  # type: ignore[arg-type] # a kind that is none is found by the type checker too
    ghl.dictionary.ttl_seconds = 60
    await ghl.contacts.create(ContactDraft(custom_fields={"Pin code": "35061", "visits": 3}))
    await ghl.contacts.create(ContactDraft(custom_fields=contact.custom_fields))


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
    syncing = bulk.sync(ghl, store, own=[await ghl.contacts.get("id")], sweep_every=timedelta(hours=1))
    async for change in syncing:
        assert_type(change, bulk.Change)
    assert_type(await bulk.sync(ghl, store, own=bulk.OwnWrites()), bulk.Summary)
    async for difference in bulk.verify(ghl, store, sample=20, repair=True):
        assert_type(difference, bulk.Difference)
    async for bundle in bulk.fetch(ghl, ContactQuery(tags=["vip"])):
        assert_type(bundle, bulk.ContactBundle)
        assert_type(bundle.contact, Contact | None)


async def many_writes(ghl: GHLClient, changes: AsyncIterator[tuple[str, ContactChanges]]) -> None:
    run = bulk.update(ghl, changes, ledger="changes.ledger", diff=True)
    assert_type(run, bulk.Run[bulk.Outcome])
    async for outcome in run:
        assert_type(outcome.position, int)
        assert_type(outcome.contact_id, str | None)
        assert_type(outcome.error, GHLError | None)
    summary = await bulk.create(ghl, [ContactDraft(first_name="Ann")], dry_run=True)
    assert_type(summary.written, bulk.Written | None)
    task = TaskDraft(title="Call", due_date=datetime(2030, 7, 17, 15, 30, tzinfo=UTC))
    await bulk.upsert(ghl, iter([ContactDraft(email="ann@example.com")]), check=False)
    await bulk.tag(ghl, ["id"], add=["vip"], remove=["old"])
    await bulk.assign(ghl, ["id"], None)
    await bulk.delete(ghl, {"id"})
    await bulk.create_tasks(ghl, [("id", task)])
    await bulk.complete_tasks(ghl, [("id", "id")])
    await bulk.delete_tasks(ghl, [("id", "id")])
    await bulk.create_notes(ghl, [("id", NoteDraft(body="Called"))])
    await bulk.delete_notes(ghl, [("id", "id")])
    bulk.update(ghl, [("id", ContactDraft())])  # type: ignore[list-item] # a draft is no change
    assert_type(await ghl.contacts.check(ContactDraft(first_name="Ann")), dict[str, Any])
    assert_type(await ghl.contacts.find_created(ContactDraft(), since=datetime.now(UTC)), Contact | None)
    assert_type(await ghl.tasks.find_created("id", task, known=await ghl.tasks.ids("id")), Task | None)
    assert_type(await ghl.notes.find_created("id", NoteDraft(body="x"), since=datetime.now(UTC)), Note | None)
