"""What is asked for often is read seldom: once for all who ask together, kept for a while, anew after a write."""

import asyncio

import pytest

from ghl_async.dictionary import Dictionary
from ghl_async.errors import ServerError, UsageError
from ghl_async.models import Calendar, CustomField, LocationDetails, LocationTag, User

pytestmark = pytest.mark.virtual

READ_SECONDS = 5.0
PINCODE = CustomField(id="F1", name="Pin code", field_key="contact.pincode", data_type="TEXT")


class Shelf:
    """What is read, how often, and whether the next reads fail; a read takes 5 s."""

    def __init__(self, *records):
        self.records = list(records)
        self.reads = 0
        self.cancelled = 0
        self.failures = []

    async def __call__(self):
        self.reads += 1
        records = list(self.records)
        try:
            await asyncio.sleep(READ_SECONDS)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failures:
            raise self.failures.pop(0)
        return records


class Place(Shelf):
    """The same for the one location."""

    async def __call__(self):
        return (await super().__call__())[0]


def dictionary_of(fields=(), tags=(), users=(), calendars=(), location=None):
    return Dictionary(
        custom_fields=fields if isinstance(fields, Shelf) else Shelf(*fields),
        tags=tags if isinstance(tags, Shelf) else Shelf(*tags),
        users=users if isinstance(users, Shelf) else Shelf(*users),
        calendars=calendars if isinstance(calendars, Shelf) else Shelf(*calendars),
        location=location or Place(LocationDetails(id="L1", country="US")),
    )


async def test_each_kind_is_read_by_its_own_callable():
    dictionary = dictionary_of(
        [PINCODE], [LocationTag(id="T1", name="vip")], [User(id="U1", name="Ann")], [Calendar(id="K1", name="Visits")]
    )
    assert await dictionary.custom_fields() == (PINCODE,)
    assert [tag.name for tag in await dictionary.tags()] == ["vip"]
    assert [user.name for user in await dictionary.users()] == ["Ann"]
    assert [calendar.name for calendar in await dictionary.calendars()] == ["Visits"]
    assert (await dictionary.location()).country == "US"


async def test_twenty_who_ask_at_once_cause_one_request():
    shelf = Shelf(PINCODE)
    dictionary = dictionary_of(shelf)
    answers = await asyncio.gather(*(dictionary.custom_fields() for _ in range(20)))
    assert answers == [(PINCODE,)] * 20
    assert shelf.reads == 1


async def test_it_is_kept_for_fifteen_minutes_from_when_it_was_asked_for():
    shelf = Shelf(PINCODE)
    dictionary = dictionary_of(shelf)
    await dictionary.custom_fields()
    await asyncio.sleep(900 - READ_SECONDS - 1)
    await dictionary.custom_fields()
    assert shelf.reads == 1
    await asyncio.sleep(1.1)
    await dictionary.custom_fields()
    assert shelf.reads == 2


@pytest.mark.parametrize(("ttl_seconds", "reads"), [(0, 3), (60, 2), (1e9, 1)])
async def test_the_time_to_live_can_be_set(ttl_seconds, reads):
    shelf = Shelf(PINCODE)
    dictionary = dictionary_of(shelf)
    dictionary.ttl_seconds = ttl_seconds
    await dictionary.custom_fields()
    await dictionary.custom_fields()
    await asyncio.sleep(100)
    await dictionary.custom_fields()
    assert shelf.reads == reads


async def test_a_caller_that_is_cancelled_leaves_the_others_their_read():
    shelf = Shelf(PINCODE)
    dictionary = dictionary_of(shelf)
    first, second, third = (asyncio.create_task(dictionary.custom_fields()) for _ in range(3))
    await asyncio.sleep(1)
    first.cancel()
    second.cancel()
    assert await third == (PINCODE,)
    assert (first.cancelled(), second.cancelled()) == (True, True)
    assert (shelf.reads, shelf.cancelled) == (1, 0)


async def test_a_caller_with_a_bound_of_its_own_does_not_bound_the_others():
    shelf = Shelf(PINCODE)
    dictionary = dictionary_of(shelf)

    async def hasty():
        async with asyncio.timeout(1):
            await dictionary.custom_fields()

    in_haste, patient = asyncio.create_task(hasty()), asyncio.create_task(dictionary.custom_fields())
    with pytest.raises(TimeoutError):
        await in_haste
    assert await patient == (PINCODE,)
    assert shelf.reads == 1


async def test_the_last_caller_that_leaves_ends_the_read_and_the_next_one_begins_anew():
    shelf = Shelf(PINCODE)
    dictionary = dictionary_of(shelf)
    callers = [asyncio.create_task(dictionary.custom_fields()) for _ in range(2)]
    await asyncio.sleep(1)
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)
    assert await dictionary.custom_fields() == (PINCODE,)
    assert (shelf.reads, shelf.cancelled) == (2, 1)


async def test_a_failure_reaches_all_who_wait_and_is_not_kept():
    shelf = Shelf(PINCODE)
    shelf.failures = [ServerError("down", operation="custom_fields.list", status=500)]
    dictionary = dictionary_of(shelf)
    answers = await asyncio.gather(*(dictionary.custom_fields() for _ in range(5)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ServerError] * 5
    assert await dictionary.custom_fields() == (PINCODE,)
    assert shelf.reads == 2


async def test_a_failure_that_nobody_waits_for_any_more_is_nobodys_complaint(caplog):
    shelf = Shelf(PINCODE)
    shelf.failures = [ServerError("down", operation="custom_fields.list", status=500)]
    caller = asyncio.create_task(dictionary_of(shelf).custom_fields())
    asyncio.get_running_loop().call_later(READ_SECONDS, caller.cancel)
    await asyncio.wait([caller])
    del caller
    assert caplog.records == []


async def test_a_failure_does_not_take_away_what_was_read_before():
    shelf = Shelf(PINCODE)
    dictionary = dictionary_of(shelf)
    await dictionary.custom_fields()
    shelf.failures = [ServerError("down", operation="custom_fields.list", status=500)]
    await asyncio.sleep(60)
    with pytest.raises(ServerError):
        await dictionary.custom_field("nothing like it")
    assert await dictionary.custom_fields() == (PINCODE,)
    assert shelf.reads == 2


async def test_forget_reads_one_kind_anew_or_all():
    fields, tags = Shelf(PINCODE), Shelf(LocationTag(id="T1", name="vip"))
    dictionary = dictionary_of(fields, tags)

    async def ask():
        await dictionary.custom_fields()
        await dictionary.tags()
        return fields.reads, tags.reads

    assert await ask() == (1, 1)
    dictionary.forget("tags")
    assert await ask() == (1, 2)
    dictionary.forget()
    assert await ask() == (2, 3)
    with pytest.raises(UsageError, match="custom_fields, tags, users, calendars, location, not 'tag'"):
        dictionary.forget("tag")


async def test_what_was_asked_for_before_it_was_forgotten_is_not_kept():
    shelf = Shelf(PINCODE)
    dictionary = dictionary_of(shelf)
    before = asyncio.create_task(dictionary.custom_fields())
    await asyncio.sleep(1)
    size = CustomField(id="F2", name="Size")
    shelf.records.append(size)
    dictionary.forget("custom_fields")
    assert await dictionary.custom_fields() == (PINCODE, size)
    assert await before == (PINCODE,)
    assert await dictionary.custom_fields() == (PINCODE, size)
    assert shelf.reads == 2


@pytest.mark.parametrize(
    ("template", "body", "forgotten"),
    [
        ("/locations/{locationId}/customFields", {}, "custom_fields"),
        ("/locations/{locationId}/customFields/{id}", {}, "custom_fields"),
        ("/locations/{locationId}/tags", {"name": "new"}, "tags"),
        ("/locations/{locationId}/tags/{tagId}", None, "tags"),
        ("/locations/{locationId}", {"name": "x"}, "location"),
        ("/users/", {}, "users"),
        ("/users/{userId}", {}, "users"),
        ("/calendars/", {}, "calendars"),
        ("/calendars/{calendarId}", None, "calendars"),
        ("/contacts/", {"email": "a@example.com", "tags": ["new"]}, "tags"),
        ("/contacts/{contactId}", {"tags": ["vip", "new"]}, "tags"),
        ("/contacts/{contactId}/tags", {"tags": ["NEW"]}, "tags"),
        ("/contacts/bulk/tags/update/{type}", {"contacts": ["C1"], "tags": ["new"]}, "tags"),
        ("/contacts/{contactId}/tags", {"tags": [" VIP"]}, None),
        ("/contacts/{contactId}", {"tags": []}, None),
        ("/contacts/{contactId}", {"firstName": "Ann"}, None),
        ("/contacts/{contactId}", None, None),
        ("/contacts/{contactId}", {"tags": 3}, None),
        ("/contacts/search", object(), None),
        ("/contacts/{contactId}/tasks", {"title": "call"}, None),
        ("/calendars/events/appointments", {}, None),
        ("/calendars/events/appointments/{eventId}", {}, None),
        ("/locations/{locationId}/tasks/search", {}, None),
    ],
)
async def test_a_write_of_our_own_forgets_what_it_may_have_changed_and_nothing_else(template, body, forgotten):
    shelves = {
        "custom_fields": Shelf(PINCODE),
        "tags": Shelf(LocationTag(id="T1", name="vip")),
        "users": Shelf(User(id="U1", name="Ann")),
        "calendars": Shelf(Calendar(id="K1", name="Visits")),
        "location": Place(LocationDetails(id="L1")),
    }
    dictionary = Dictionary(**shelves)
    for kind in shelves:
        await getattr(dictionary, kind)()
    dictionary.wrote(template, body)
    for kind in shelves:
        await getattr(dictionary, kind)()
    assert {kind for kind, shelf in shelves.items() if shelf.reads == 2} == ({forgotten} if forgotten else set())


async def test_a_tag_written_while_the_tags_are_being_read_is_not_missed():
    shelf = Shelf()
    dictionary = dictionary_of(tags=shelf)
    before = asyncio.create_task(dictionary.tags())
    await asyncio.sleep(1)
    shelf.records.append(LocationTag(id="T1", name="new"))
    dictionary.wrote("/contacts/{contactId}/tags", {"tags": ["new"]})
    assert [tag.name for tag in await dictionary.tags()] == ["new"]
    assert await before == ()


async def test_what_is_missing_is_looked_for_anew_if_what_is_known_is_old():
    shelf = Shelf(PINCODE)
    dictionary = dictionary_of(shelf)
    await dictionary.custom_fields()
    await asyncio.sleep(60)
    shelf.records.append(CustomField(id="F2", name="Size", field_key="contact.size"))
    assert (await dictionary.custom_field("size")).id == "F2"
    assert shelf.reads == 2


async def test_a_misspelt_name_in_a_long_import_does_not_read_each_time():
    shelf = Shelf(PINCODE)
    dictionary = dictionary_of(shelf)
    for _ in range(1000):
        with pytest.raises(UsageError, match="no custom field 'pin cod'; near to it: \"Pin code\""):
            await dictionary.custom_field("pin cod")
    assert shelf.reads == 1


async def test_users_and_calendars_and_tags_are_found_by_what_people_call_them():
    dictionary = dictionary_of(
        tags=[LocationTag(id="T1", name="vip")],
        users=[
            User(id="U1", name="Ann Lee", email="Ann@example.com"),
            User(id="U2", first_name="Bob", last_name="Ray"),
            User(id="U3", name="Bob Ray", email="bob@example.com"),
        ],
        calendars=[Calendar(id="K1", name="Visits")],
    )
    assert (await dictionary.tag("VIP ")).id == "T1"
    assert (await dictionary.user("ann lee")).id == "U1"
    assert (await dictionary.user("ann@example.com")).id == "U1"
    assert (await dictionary.user("U2")).id == "U2"
    assert (await dictionary.calendar("visits")).id == "K1"
    with pytest.raises(UsageError, match=r'2 users: "Bob Ray" \(U2\), "Bob Ray" \(bob@example.com, U3\)'):
        await dictionary.user("Bob Ray")
    with pytest.raises(UsageError, match=r"the location has no calendar 'Surgery'$"):
        await dictionary.calendar("Surgery")
