"""What became of a create that an earlier process left open is found out by a read, on virtual time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ghl_async.errors import NotFound, OutcomeUnknown, UsageError
from ghl_async.models import ContactChanges, ContactDraft, NoteDraft, TaskDraft

from .conftest import client_of
from .truth import oldest

pytestmark = pytest.mark.virtual

AT = datetime(2030, 7, 17, 15, 30, tzinfo=UTC)
ANN = ContactDraft(first_name="Ann", email="ann@example.com", phone="+12025550147")
CALL, CALLED = TaskDraft(title="Call", due_date=AT), NoteDraft(body="<p>Called</p>")


def now():
    return datetime.now(UTC)


def _as_sent(at):
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def test_a_contact_is_found_if_it_was_made_since_and_by_nobody_else(sandbox):
    since = now()
    async with client_of(sandbox) as earlier:
        made = await earlier.contacts.create(ANN)
    async with client_of(sandbox) as ghl:
        assert (await ghl.contacts.find_created(ANN, since=since)).id == made.id
    async with client_of(sandbox) as ghl:
        assert await ghl.contacts.find_created(ANN, since=since, besides={made.id}) is None
        before = sandbox.log.counts()["requests"]
        other = ContactDraft(first_name="Bob", email="bob@example.com")
        assert await ghl.contacts.find_created(other, since=since) is None
        assert sandbox.log.counts()["requests"] - before == 5


@pytest.mark.parametrize(("age", "is_unknown"), [(timedelta(minutes=2), True), (timedelta(hours=1), False)])
async def test_a_contact_of_shortly_before_leaves_it_unknown_and_one_of_long_ago_does_not(sandbox, age, is_unknown):
    fields = {"firstName": "Ann", "email": ANN.email, "phone": ANN.phone, "dateAdded": _as_sent(now() - age)}
    sandbox.state.main.add(fields)
    async with client_of(sandbox) as ghl:
        looking = ghl.contacts.find_created(ANN, since=now())
        if is_unknown:
            with pytest.raises(OutcomeUnknown, match="may have been there before"):
                await looking
        else:
            assert await looking is None


async def test_without_e_mail_and_phone_nothing_can_be_looked_for(ghl):
    with pytest.raises(OutcomeUnknown, match="neither e-mail nor phone"):
        await ghl.contacts.find_created(ContactDraft(first_name="Ann"), since=now())
    with pytest.raises(UsageError, match="since"):
        await ghl.contacts.find_created(ANN, since=datetime(2030, 1, 1))  # noqa: DTZ001  (that is the mistake)


async def test_a_task_is_found_by_the_ids_that_were_there_before(sandbox):
    one = oldest(sandbox)
    async with client_of(sandbox) as earlier:
        before = await earlier.tasks.ids(one)
        made = await earlier.tasks.create(one, CALL, known=before)
        known = await earlier.tasks.ids(one)
    assert known == before | {made.id}
    async with client_of(sandbox) as ghl:
        assert (await ghl.tasks.find_created(one, CALL, known=before)).id == made.id
        assert await ghl.tasks.find_created(one, CALL, known=known) is None
        with pytest.raises(OutcomeUnknown):
            await ghl.tasks.find_created(one, CALL, known=None)
        with pytest.raises(NotFound):
            await ghl.tasks.find_created("0" * 20, CALL, known=None)


async def test_a_note_is_found_if_it_was_made_since_and_by_nobody_else(sandbox):
    one, since = oldest(sandbox), now()
    async with client_of(sandbox) as earlier:
        made = await earlier.notes.create(one, CALLED)
    async with client_of(sandbox) as ghl:
        assert await ghl.notes.find_created(one, CALLED, since=since, besides=[made.id]) is None
        assert (await ghl.notes.find_created(one, CALLED, since=since)).id == made.id
        again = await ghl.notes.find_created(one, CALLED, since=since)
        assert again.id == made.id, "whoever asks names those that are taken: this may be the very one"


async def test_a_note_of_an_earlier_process_does_not_make_a_create_undecided(sandbox):
    one = oldest(sandbox)
    async with client_of(sandbox) as earlier:
        first = await earlier.notes.create(one, CALLED)
    sandbox.faults.add(kind="server_error", method="POST", times=1)
    async with client_of(sandbox) as ghl:
        second = await ghl.notes.create(one, CALLED, besides={first.id})
        assert second.id != first.id


async def test_what_would_be_sent_is_checked_without_a_request(sandbox, ghl):
    assert await ghl.contacts.check(ContactDraft(first_name="Ann", email="ann@example.com"), upsert=True) == {
        "firstName": "Ann",
        "email": "ann@example.com",
    }
    for given, options in (
        (ContactDraft(first_name="Ann"), {"upsert": True}),
        (ContactDraft(email="no address"), {}),
        (ContactDraft(email="ann@example.com", tags=["vip"]), {"upsert": True}),
        (ContactChanges(tags=["vip"]), {}),
        (ContactChanges(gender="female"), {}),
        ("Ann", {}),
    ):
        with pytest.raises(UsageError):
            await ghl.contacts.check(given, **options)
    assert "tags" in await ghl.contacts.check(ContactChanges(tags=["vip"]), replace_tags=True)
    for check, draft in ((ghl.tasks.check, TaskDraft(title=" ", due_date=AT)), (ghl.notes.check, NoteDraft(body=""))):
        with pytest.raises(UsageError):
            check("0" * 20, draft)
    for check, draft in ((ghl.tasks.check, CALL), (ghl.notes.check, CALLED)):
        check("0" * 20, draft)
        with pytest.raises(UsageError):
            check("a/b", draft)
    assert sandbox.log.counts()["requests"] == 0
