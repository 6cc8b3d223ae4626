"""What a program has written itself is no change for it, and whatever somebody else has changed is one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ghl_async import bulk
from ghl_async.models import BusinessDraft, ContactChanges, ContactDraft, NoteDraft, TaskChanges, TaskDraft

from .test_bulk_update import children, collected, contacts
from .test_sync import change, change_unseen, is_whole, sync
from .truth import oldest

AT = datetime(2030, 7, 17, 15, 30, tzinfo=UTC)
NOW = timedelta(0)


def told(changes):
    return {each.contact_id: (each.what, each.parts) for each in changes}


async def synced(ghl, path, own, **options):
    """Sync, and show what it calls a change, and how many it calls our own."""
    changes, summary = await sync(ghl, path, own=own, **options)
    return told(changes), summary.changes.own


async def test_a_loop_of_sync_and_writing_back_does_not_feed_itself(sandbox, ghl, copied):
    renamed = {change(sandbox, position, firstName="Renamed") for position in range(0, 60, 3)}
    elsewhere, own = {}, bulk.OwnWrites()
    async with bulk.SQLiteStore(copied) as store:
        async for each in bulk.sync(ghl, store):
            elsewhere[each.contact_id] = f"X{len(elsewhere)}"
    assert elsewhere.keys() == renamed
    back = [(id_, ContactChanges(source=number, city="Bern")) for id_, number in elsewhere.items()]
    async for outcome in bulk.update(ghl, back):
        own.add(outcome)
    async for outcome in bulk.tag(ghl, list(elsewhere), add=["Linked"], remove=["vip"]):
        own.add(outcome)
    async for outcome in bulk.create_notes(ghl, [(id_, NoteDraft(body="Linked")) for id_ in elsewhere]):
        own.add(outcome)
    assert await synced(ghl, copied, own, sweep_every=NOW) == ({}, 20)
    assert is_whole(copied, sandbox)
    assert await synced(ghl, copied, own, whole_every=NOW) == ({}, 0)


async def test_each_kind_of_bulk_write_is_recognised(sandbox, ghl, copied):
    some = [oldest(sandbox, position) for position in range(60)]
    business = await ghl.businesses.create(BusinessDraft(name="Example Ltd"))
    fields = {each.data_type: each.id for each in await ghl.custom_fields.list()}
    custom = {
        fields["TEXT"]: None,
        fields["NUMERICAL"]: 12.5,
        fields["DATE"]: AT.date(),
        fields["PHONE"]: "+12025550148",
    }
    tasks = [key for key, task in children(sandbox, "tasks").items() if not task["completed"]]
    notes = [*children(sandbox, "notes")]
    emails = [contacts(sandbox)[each]["email"] for each in some]
    known = next(each for each in emails if each and emails.count(each) == 1)
    runs = [
        bulk.update(ghl, [(some[0], ContactChanges(name="Ada Byron", phone="+12025550147", date_of_birth=AT.date()))]),
        bulk.update(ghl, [(some[1], ContactChanges(tags=["one"], email="Ada@Example.com"))], replace_tags=True),
        bulk.update(ghl, [(some[2], ContactChanges(address1="Lane 1", last_name=None, dnd=True))]),
        bulk.update(ghl, [(some[3], ContactChanges(custom_fields=custom))]),
        bulk.assign(ghl, some[10:12], business.id),
        bulk.assign(ghl, some[11:13], None),
        bulk.tag(ghl, some[14:16], add=["A", "b"]),
        bulk.tag(ghl, some[14:16], add=["c"], remove=["B"]),
        bulk.create(ghl, [ContactDraft(last_name="New", email="new@example.com", tags=["x"])]),
        bulk.upsert(ghl, [ContactDraft(email="newer@example.com"), ContactDraft(email=known, city="Chur")]),
        bulk.create_tasks(ghl, [(some[20], TaskDraft(title="Call", due_date=AT))]),
        bulk.create_notes(ghl, [(some[21], NoteDraft(body="Called"))]),
        bulk.complete_tasks(ghl, tasks[:2]),
        bulk.delete_tasks(ghl, tasks[2:4]),
        bulk.delete_notes(ghl, notes[:2]),
        bulk.delete(ghl, some[50:52]),
    ]
    own = []
    for run in runs:
        outcomes = await collected(run)
        assert {each.reason for each in outcomes} == {None}
        own += outcomes
    made, _ = [each for each in own if each.what == "added" and each.record_id is None]
    own += await collected(bulk.update(ghl, [(made.contact_id, ContactChanges(city="Bern"))]))
    own += await collected(bulk.tag(ghl, [made.contact_id], add=["y"]))
    assert (await synced(ghl, copied, own, whole_every=NOW))[0] == {}
    assert is_whole(copied, sandbox)


@pytest.mark.parametrize("when", ["before", "behind"])
@pytest.mark.parametrize(
    "theirs",
    [
        {"lastName": "Changed"},
        {"tags": ["hers"]},
        {"email": "hers@example.com"},
        {"businessId": "0" * 20},
        {"opportunities": [{"id": "x"}]},
        {"extra": {"unheardOf": 1}},
    ],
    ids=lambda theirs: next(iter(theirs)),
)
async def test_a_change_by_somebody_else_of_the_same_contact_is_seen(sandbox, ghl, copied, when, theirs):
    one = oldest(sandbox, 5)
    if when == "before":
        change(sandbox, 5, **theirs)
    own = await collected(bulk.update(ghl, [(one, ContactChanges(city="Bern"))]))
    own += await collected(bulk.tag(ghl, [one], add=["ours"]))
    if when == "behind":
        change_unseen(sandbox, 5, **theirs)
    assert await synced(ghl, copied, own, sweep_every=NOW) == ({one: ("changed", ("contacts",))}, 0)
    assert is_whole(copied, sandbox)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda ghl, one: bulk.update(ghl, [(one, ContactChanges(city="Bern"))]), {"city": "Chur"}),
        (lambda ghl, one: bulk.tag(ghl, [one], add=["ours"]), {"tags": ["other"]}),
        (lambda ghl, one: bulk.tag(ghl, [one], add=["ours"]), {"tags": []}),
        (lambda ghl, one: bulk.assign(ghl, [one], None), {"businessId": "0" * 20}),
    ],
    ids=["value", "tags", "no tags", "business"],
)
async def test_what_we_wrote_and_somebody_overwrote_is_a_change(sandbox, ghl, copied, ours, theirs):
    one = change(sandbox, 5, city="Thun", tags=["old"])
    await sync(ghl, copied)
    own = await collected(ours(ghl, one))
    change(sandbox, 5, **theirs)
    assert await synced(ghl, copied, own, sweep_every=NOW) == ({one: ("changed", ("contacts",))}, 0)


async def test_another_custom_field_of_the_same_contact_is_a_change(sandbox, ghl, copied):
    fields = {each.data_type: each for each in await ghl.custom_fields.list()}
    ours, theirs = fields["TEXT"], fields["LARGE_TEXT"]
    one = oldest(sandbox, 5)
    own = await collected(bulk.update(ghl, [(one, ContactChanges(custom_fields={ours.id: "own"}))]))
    assert await synced(ghl, copied, own) == ({}, 1)
    own = await collected(bulk.update(ghl, [(one, ContactChanges(custom_fields={ours.id: "again"}))]))
    await ghl.contacts.update(one, ContactChanges(custom_fields={theirs.id: "foreign"}))
    assert await synced(ghl, copied, own) == ({one: ("changed", ("contacts",))}, 0)


async def test_a_contact_that_we_made_and_somebody_changed_is_a_change(sandbox, ghl, copied):
    drafts = [ContactDraft(last_name=f"n{number}", email=f"n{number}@example.com") for number in range(3)]
    own = await collected(bulk.create(ghl, drafts))
    first, second, third = (each.contact_id for each in own)
    sandbox.state.main.change(first, {"city": "Chur"})
    await ghl.notes.create(second, NoteDraft(body="Called"))
    assert await synced(ghl, copied, own) == (
        {first: ("added", ("contacts",)), second: ("changed", ("notes",))},
        1,
    )
    sandbox.state.main.delete(third)
    assert await synced(ghl, copied, own, sweep_every=NOW) == ({third: ("removed", ())}, 0)


async def test_what_somebody_else_made_and_we_changed_is_added(sandbox, ghl, copied):
    theirs = sandbox.state.main.add({"email": "new@example.com", "firstName": "New"})
    own = await collected(bulk.upsert(ghl, [ContactDraft(email="new@example.com", city="Bern")]))
    task = await ghl.tasks.create(oldest(sandbox, 7), TaskDraft(title="Call", due_date=AT))
    own += await collected(bulk.complete_tasks(ghl, [(oldest(sandbox, 7), task.id)]))
    assert await synced(ghl, copied, own, whole_every=NOW) == (
        {theirs: ("added", ("contacts",)), oldest(sandbox, 7): ("changed", ("tasks",))},
        0,
    )


async def test_a_task_that_somebody_changed_before_we_completed_it_is_a_change(sandbox, ghl, copied):
    (first, second), *_ = [
        (one, other)
        for one, task in children(sandbox, "tasks").items()
        for other, another in children(sandbox, "tasks").items()
        if one[0] != other[0] and not (task["completed"] or another["completed"])
    ]
    await ghl.tasks.update(*first, TaskChanges(title="Changed"))
    own = await collected(bulk.complete_tasks(ghl, [first, second]))
    assert await synced(ghl, copied, own, whole_every=NOW) == ({first[0]: ("changed", ("tasks",))}, 1)


async def test_of_a_process_that_is_gone_its_ledger_tells_what_was_ours(sandbox, ghl, copied, tmp_path):
    some = [oldest(sandbox, position) for position in range(10)]
    inputs = [(each, ContactChanges(city="Bern", phone=f"+1202555014{place}")) for place, each in enumerate(some)]
    await bulk.update(ghl, inputs, ledger=tmp_path / "city")
    await bulk.tag(ghl, some, add=["Ours"], ledger=tmp_path / "tag")
    change(sandbox, 3, lastName="Changed")
    before = sandbox.log.requests
    own = await collected(bulk.update(ghl, inputs, ledger=tmp_path / "city"))
    own += await collected(bulk.tag(ghl, some, add=["Ours"], ledger=tmp_path / "tag"))
    assert sandbox.log.requests == before
    assert await synced(ghl, copied, own) == ({some[3]: ("changed", ("contacts",))}, 9)


async def test_a_write_that_was_not_done_or_is_in_doubt_is_not_taken_for_ours(sandbox, ghl, copied):
    one = oldest(sandbox, 5)
    sandbox.faults.add(kind="refused", status=404, method="PUT", times=1)
    own = await collected(bulk.update(ghl, [(one, ContactChanges(city="Bern"))]))
    assert own[0].kind == "failed"
    change(sandbox, 5, city="Bern")
    assert await synced(ghl, copied, own) == ({one: ("changed", ("contacts",))}, 0)
