"""What is wrong in a draft is said before anything is sent, and the field is named."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from ghl_async.client import Resources
from ghl_async.errors import UsageError
from ghl_async.models import (
    AppointmentChanges,
    AppointmentDraft,
    BlockSlotChanges,
    BlockSlotDraft,
    BusinessChanges,
    BusinessDraft,
    ContactChanges,
    ContactDraft,
    DndSetting,
    DndSettings,
    NoteChanges,
    NoteDraft,
    TaskChanges,
    TaskDraft,
)

from .recording import Recording

AT = datetime(2026, 7, 17, 12, tzinfo=UTC)
NAIVE = datetime(2026, 7, 17, 12)  # noqa: DTZ001 - what a caller gets wrong
HOUR = timedelta(hours=1)


def create(draft, **options):
    return lambda ghl: ghl.contacts.create(draft, **options)


def update(changes, **options):
    return lambda ghl: ghl.contacts.update("C1", changes, **options)


def upsert(draft, **options):
    return lambda ghl: ghl.contacts.upsert(draft, **options)


def appointment(**fields):
    draft = AppointmentDraft(**{"calendar_id": "K1", "contact_id": "C1", "start_time": AT} | fields)
    return lambda ghl: ghl.appointments.create(draft)


def block(**fields):
    draft = BlockSlotDraft(**{"start_time": AT, "end_time": AT + HOUR} | fields)
    return lambda ghl: ghl.block_slots.create(draft)


WRONG = [
    (create(ContactChanges(first_name="Ann")), "takes one ContactDraft, not ContactChanges"),
    (create({"firstName": "Ann"}), "takes one ContactDraft, not dict"),
    (create(ContactDraft()), "no field of the ContactDraft is set"),
    (create(ContactDraft(first_name=3)), "first_name: .*Expected `str"),
    (create(ContactDraft(first_name=" ")), "first_name: .*empty text: leave it out"),
    (create(ContactDraft(source=None)), "source: .*no null here: leave it out"),
    (create(ContactDraft(email="ann")), "email: .*no e-mail address"),
    (create(ContactDraft(email="ann lee@example.com")), "email: .*no e-mail address"),
    (create(ContactDraft(country="USA")), "country: .*two letters"),
    (create(ContactDraft(dnd=1)), "dnd: .*Expected `bool`"),
    (create(ContactDraft(date_of_birth="1990-09-25")), "date_of_birth: .*Expected `date"),
    (create(ContactDraft(date_of_birth=AT)), "date_of_birth: .*Expected `date"),
    (create(ContactDraft(dnd_settings=DndSettings(sms=DndSetting(status="on")))), "dnd_settings: .*Invalid enum"),
    (create(ContactDraft(dnd_settings={"SMS": {"status": "active"}})), "dnd_settings: .*unknown field"),
    (create(ContactDraft(tags="vip")), "tags: .*Expected `array`"),
    (create(ContactDraft(tags=["vip", ""])), "tags: .*empty text"),
    (create(ContactDraft(tags=[1])), "tags: .*Expected `str`"),
    (create(ContactDraft(custom_fields="F")), "custom_fields: .*Expected `object"),
    (create(ContactDraft(custom_fields=["F"])), "custom_fields: .*Expected `object"),
    (create(ContactDraft(custom_fields={"": 1})), "custom_fields: .*a field has no name"),
    (create(ContactDraft(custom_fields={"F": None})), "custom_fields: .*None for F.*an empty text clears"),
    (create(ContactDraft(custom_fields={"F": float("nan")})), "custom_fields: .*finite"),
    (create(ContactDraft(custom_fields={"F": AT})), "custom_fields: .*F takes .* not datetime"),
    (create(ContactDraft(custom_fields={"F": object()})), "custom_fields: .*F takes .* not <object"),
    (create(ContactDraft(phone="+1 call me")), "phone: .*letters"),
    (create(ContactDraft(additional_emails=["b@example.com"])), "additional_emails: .*262.*send_refused=True"),
    (update(ContactDraft(first_name="Ann")), "takes one ContactChanges"),
    (update(ContactChanges()), "no field of the ContactChanges is set"),
    (update(ContactChanges(first_name="")), "first_name: .*None clears it"),
    (update(ContactChanges(postal_code=None)), "postal_code: .*an empty text clears it"),
    (update(ContactChanges(dnd=None)), "dnd: .*changed and not cleared"),
    (update(ContactChanges(company_name="Example")), "company_name: .*an upsert takes it; send_refused=True"),
    (update(ContactChanges(gender="f")), "gender: .*313"),
    (update(ContactChanges(additional_phones=["+1"])), "additional_phones: .*59"),
    (update(ContactChanges(tags=["vip"])), "tags: .*ghl.tags.add.*replace_tags=True"),
    (upsert(ContactDraft(email="a@example.com", tags=["vip"])), "tags: .*replace_tags=True"),
    (upsert(ContactDraft(first_name="Ann")), "email: .*or phone.*create needs neither"),
    (upsert(ContactDraft(email=None, phone=None)), "email: .*or phone"),
    (lambda ghl: ghl.contacts.add_followers("C1", []), "user_ids"),
    (lambda ghl: ghl.contacts.remove_followers("C1", "U1"), "user_ids"),
    (lambda ghl: ghl.tags.add("C1", "vip"), "tags"),
    (lambda ghl: ghl.tags.remove("C1", [" "]), "tags"),
    (lambda ghl: ghl.tags.add_many([], ["vip"]), "contact_ids"),
    (lambda ghl: ghl.tags.add_many(["C1"], []), "tags"),
    (lambda ghl: ghl.tags.remove_many(["C1"]), "tags"),
    (lambda ghl: ghl.tags.remove_many(["C1"], ["vip"], all_tags=True), "tags and all_tags"),
    (lambda ghl: ghl.tasks.create("C1", TaskDraft(title="", due_date=AT)), "title: .*the API needs it"),
    (lambda ghl: ghl.tasks.create("C1", TaskDraft(title="call", due_date=NAIVE)), "due_date: .*timezone"),
    (lambda ghl: ghl.tasks.create("C1", TaskDraft(title="call", due_date="2026-07-17")), "due_date: .*`datetime`"),
    (lambda ghl: ghl.tasks.update("C1", "T1", TaskChanges()), "no field of the TaskChanges"),
    (lambda ghl: ghl.tasks.update("C1", "T1", TaskChanges(body=None)), "body: .*an empty text clears it"),
    (lambda ghl: ghl.tasks.update("C1", "T1", TaskChanges(completed="yes")), "completed: .*`bool`"),
    (lambda ghl: ghl.notes.create("C1", NoteDraft(body="\n")), "body: .*the API needs it"),
    (lambda ghl: ghl.notes.update("C1", "N1", NoteChanges(pinned=1)), "pinned: .*`bool`"),
    (appointment(start_time=NAIVE), "start_time: .*timezone"),
    (appointment(end_time=AT), "end_time must be later"),
    (appointment(appointment_status="done"), "appointment_status: .*'done': it is one of new, confirmed, cancelled"),
    (appointment(calendar_id=""), "calendar_id: .*the API needs it"),
    (lambda ghl: ghl.appointments.update("A1", AppointmentChanges(start_time=AT, end_time=AT)), "end_time must"),
    (block(), "calendar_id: .*exactly one"),
    (block(calendar_id="K1", assigned_user_id="U1"), "calendar_id: .*exactly one"),
    (block(calendar_id="K1", end_time=AT), "end_time must be later"),
    (lambda ghl: ghl.block_slots.update("S1", BlockSlotChanges(title="x")), "calendar_id: .*exactly one"),
    (lambda ghl: ghl.block_slots.list(since=AT, before=AT + HOUR), "exactly one of calendar_id"),
    (lambda ghl: ghl.block_slots.list(since=AT, before=AT + HOUR, calendar_id=" "), "calendarId"),
    (lambda ghl: ghl.block_slots.list(since=AT, before=AT, calendar_id="K1"), "before must be later"),
    (lambda ghl: ghl.calendars.free_slots("K1", since=AT, before=NAIVE), "before must be an aware"),
    (lambda ghl: ghl.calendars.free_slots("K1", since=AT, before=AT + 32 * 24 * HOUR), "31 days"),
    (lambda ghl: ghl.calendars.free_slots("K1", since=AT, before=AT + HOUR, timezone=""), "timezone"),
    (lambda ghl: ghl.businesses.create(BusinessDraft(name=" ")), "name: .*the API needs it"),
    (lambda ghl: ghl.businesses.update("B1", BusinessChanges(phone=None)), "phone: .*an empty text clears it"),
    (lambda ghl: ghl.businesses.list(limit=0), "limit"),
    (lambda ghl: ghl.businesses.assign([], "B1"), "contact_ids"),
    (lambda ghl: ghl.businesses.assign(["C1"], ""), "business_id"),
    (lambda ghl: ghl.automations.add_to_workflow("C1", "W1", starts_at=NAIVE), "starts_at"),
    (lambda ghl: ghl.automations.campaigns(status=""), "status"),
]


@pytest.mark.parametrize(("call", "said"), WRONG, ids=[said for _, said in WRONG])
async def test_a_wrong_draft_is_refused_by_the_name_of_its_field_and_nothing_is_sent(call, said):
    send = Recording({})
    with pytest.raises(UsageError, match=said):
        await call(Resources(send, "L1"))
    assert send.requests == []


async def test_what_is_refused_is_sent_where_the_caller_insists():
    send = Recording({"contact": {"id": "C1"}})
    contacts = Resources(send, "L1").contacts
    await contacts.update("C1", ContactChanges(company_name="Example", gender="f"), send_refused=True)
    await contacts.create(ContactDraft(additional_emails=["b@example.com"]), send_refused=True)
    assert send.sent_bodies == [
        {"companyName": "Example", "gender": "f"},
        {"locationId": "L1", "additionalEmails": ["b@example.com"]},
    ]


async def test_a_blank_text_clears_where_the_api_takes_no_null():
    send = Recording({"contact": {"id": "C1"}})
    await Resources(send, "L1").contacts.update("C1", ContactChanges(postal_code="", city=None))
    assert send.sent_bodies == [{"city": None, "postalCode": ""}]


def test_a_draft_shows_what_is_set():
    assert repr(ContactChanges(last_name=None, dnd=True)) == "ContactChanges(last_name=None, dnd=True)"


def test_a_row_with_a_property_nobody_knows_does_not_become_a_draft():
    row = {"firstName": "Ann", "dateOfBirth": "1990-09-25"}
    assert msgspec.convert(row, ContactDraft).date_of_birth == date(1990, 9, 25)
    with pytest.raises(msgspec.ValidationError, match="locationId"):
        msgspec.convert({**row, "locationId": "L1"}, ContactDraft)


CONTACT = ContactDraft(email="ann@example.com")
BEYOND = [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC), datetime(1969, 12, 31, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda ghl: ghl.tags.remove_many(["C1"], all_tags="no"), "all_tags"),
        (lambda ghl: ghl.tags.remove_many(["C1"], None), "tags"),
        (lambda ghl: ghl.tags.remove_many(["C1"], 5, all_tags=True), "tags"),
        (update(ContactChanges(tags=["a"]), replace_tags="no"), "replace_tags"),
        (update(ContactChanges(city="a"), send_refused=0), "send_refused"),
        (upsert(CONTACT, check="no"), "check"),
        (upsert(CONTACT, new_if_allowed="no"), "new_if_allowed"),
        (lambda ghl: ghl.tasks.create("C1", TaskDraft(title="a", due_date=AT), look_first="no"), "look_first"),
        (lambda ghl: ghl.tasks.create(["C1"], TaskDraft(title="a", due_date=AT)), "id"),
        (lambda ghl: ghl.notes.create({"C1"}, NoteDraft(body="a")), "id"),
        (create(ContactDraft(city="\ud800")), "city"),
        (create(ContactDraft(dnd="\ud800")), "dnd"),
        (create(ContactDraft(tags=["\ud800"])), "tags"),
        (create(ContactDraft(custom_fields={"a": "\ud800"})), "custom_fields"),
        (lambda ghl: ghl.businesses.create(BusinessDraft(name="\ud800")), "name"),
        (block(calendar_id="K1", title="\ud800"), "title"),
        *((block(calendar_id="K1", start_time=at), "start_time") for at in BEYOND),
        *((appointment(start_time=at), "start_time") for at in BEYOND),
    ],
)
async def test_what_no_request_can_carry_is_refused_by_its_name(call, named):
    send = Recording({})
    with pytest.raises(UsageError, match=named):
        await call(Resources(send, "L1"))
    assert not send.requests


async def test_a_wrong_value_is_shown_by_its_first_characters():
    with pytest.raises(UsageError) as caught:
        await create(ContactDraft(dnd="x" * 10_000))(Resources(Recording({}), "L1"))
    assert len(str(caught.value)) < 400
