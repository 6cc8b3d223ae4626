"""Contacts, tags and followers written over real sockets, in both generations of the API, and what is refused."""

from datetime import date

import pytest

from ghl_async.errors import DuplicateContact, NotFound, ScopeMissing, Unprocessable, UsageError
from ghl_async.models import (
    BusinessChanges,
    BusinessDraft,
    ContactChanges,
    ContactDraft,
    ContactQuery,
    DndSetting,
    DndSettings,
    InboundDndSetting,
)

from .conftest import client_of
from .truth import oldest

pytestmark = pytest.mark.virtual


@pytest.fixture(params=[None, "v3"], ids=["v2", "v3"])
async def ghl(request, sandbox):
    """A client of each generation."""
    async with client_of(sandbox, api_version=request.param) as client:
        yield client


async def test_a_contact_is_created_changed_and_deleted(ghl, sandbox):
    draft = ContactDraft(
        first_name="Ann",
        last_name="Lee",
        email="Ann.Lee@example.com",
        phone="+1 202-555-0147",
        company_name="Example Ltd",
        date_of_birth=date(1990, 9, 25),
        tags=["VIP", "spring"],
        dnd_settings=DndSettings(sms=DndSetting(status="active"), whatsapp=DndSetting(status="inactive")),
        inbound_dnd_settings=InboundDndSetting(status="active"),
        custom_fields={sandbox.state.main.people.field_ids[0]: "some text"},
    )
    made = await ghl.contacts.create(draft)
    assert (made.full_name, made.phone, made.tags) == ("Ann Lee", "+12025550147", ("vip", "spring"))
    read = await ghl.contacts.get(made.id)
    assert (read.company_name, read.birth_date) == ("Example Ltd", date(1990, 9, 25))
    assert {name: each["status"] for name, each in read.dnd_channels.items()} == {
        "sms": "active",
        "whatsapp": "inactive",
    }
    assert [(each.id, each.value) for each in read.custom_fields] == [
        (sandbox.state.main.people.field_ids[0], "some text")
    ]
    changed = await ghl.contacts.update(made.id, ContactChanges(last_name=None, city="Bern", date_of_birth=None))
    assert (changed.last_name, changed.city, changed.email) == (None, "Bern", "Ann.Lee@example.com")
    assert (await ghl.contacts.get(made.id)).date_of_birth is None
    assert await ghl.contacts.delete(made.id) is None
    with pytest.raises(NotFound):
        await ghl.contacts.get(made.id)
    with pytest.raises(NotFound):
        await ghl.contacts.delete(made.id)
    with pytest.raises(NotFound):
        await ghl.contacts.update(made.id, ContactChanges(city="Bern"))


async def test_a_duplicate_is_refused_with_the_contact_that_is_there(ghl, sandbox):
    there = await ghl.contacts.get(oldest(sandbox, 1))
    with pytest.raises(DuplicateContact, match="does not allow duplicated contacts") as caught:
        await ghl.contacts.create(ContactDraft(first_name="Eve", email=there.email))
    assert (caught.value.contact_id, caught.value.field, caught.value.status) == (there.id, "email", 400)
    assert caught.value.request_id
    with pytest.raises(DuplicateContact) as caught:
        await ghl.contacts.update(oldest(sandbox, 2), ContactChanges(email=there.email))
    assert caught.value.contact_id == there.id


async def test_a_refusal_by_the_servers_validation_keeps_its_words(ghl, sandbox):
    with pytest.raises(Unprocessable) as caught:
        await ghl.contacts.update(oldest(sandbox), ContactChanges(company_name="Example"), send_refused=True)
    assert caught.value.messages == ["property companyName should not exist"]
    with pytest.raises(Unprocessable) as caught:
        await ghl.contacts.create(
            ContactDraft(first_name="Ann", additional_emails=["a@example.com"]), send_refused=True
        )
    assert caught.value.messages == ["property additionalEmails should not exist"]
    assert sandbox.state.main.count() == 120


async def test_a_token_that_may_only_read_is_told_the_scope_it_lacks(sandbox):
    token = sandbox.state.add_token(scopes=["contacts.readonly"]).text
    async with client_of(sandbox, token=token) as ghl:
        for call in (
            ghl.contacts.create(ContactDraft(first_name="Ann")),
            ghl.contacts.delete(oldest(sandbox)),
            ghl.tags.add(oldest(sandbox), ["vip"]),
        ):
            with pytest.raises(ScopeMissing) as caught:
                await call
            assert caught.value.scope == "contacts.write"


async def test_an_upsert_creates_updates_and_is_guarded(ghl, sandbox):
    draft = ContactDraft(first_name="Ann", email="ann@example.com")
    first = await ghl.contacts.upsert(draft)
    second = await ghl.contacts.upsert(
        ContactDraft(last_name="Lee", email="ANN@example.com", tags=["a"]), replace_tags=True
    )
    assert (first.new, second.new) == (True, False)
    assert (first.contact.id, second.contact.full_name) == (second.contact.id, "Ann Lee")
    other = await ghl.contacts.get(oldest(sandbox, 1))
    both = ContactDraft(email="ann@example.com", phone=other.phone)
    with pytest.raises(UsageError, match="issue 37"):
        await ghl.contacts.upsert(both)
    unchecked = await ghl.contacts.upsert(both, check=False)
    assert (unchecked.contact.id, unchecked.contact.phone) == (first.contact.id, None)  # what the guard is for


async def test_an_additional_address_is_not_made_the_primary_one_in_silence(sandbox):
    """The lookup that shows it is for OAuth tokens."""
    location = sandbox.state.main
    records = (location.record(ref) for ref in location.walk(descending=False))
    there = next(each for each in records if each["additionalEmails"] and each["email"])
    draft = ContactDraft(email=there["additionalEmails"][0])
    token = sandbox.state.add_token(app="an-app").text
    async with client_of(sandbox, token=token) as ghl:
        with pytest.raises(UsageError, match="issue 337"):
            await ghl.contacts.upsert(draft)
        assert (await ghl.contacts.get(there["id"])).email == there["email"]
        await ghl.contacts.upsert(draft, check=False)
        assert (await ghl.contacts.get(there["id"])).email == draft.email  # what the guard is for


async def test_a_location_that_allows_duplicates_gets_a_new_contact_where_that_is_meant(sandbox):
    sandbox.state.main.place.change(allow_duplicates=True)
    async with client_of(sandbox) as ghl:
        there = await ghl.contacts.get(oldest(sandbox, 1))
        draft = ContactDraft(first_name="Ann", email=there.email)
        assert (await ghl.contacts.upsert(draft)).contact.id == there.id
        new = await ghl.contacts.upsert(draft, new_if_allowed=True)
        assert (new.new, new.contact.id != there.id) == (True, True)


async def test_tags_and_followers_are_added_and_removed(ghl, sandbox):
    contact_id = oldest(sandbox)
    had = (await ghl.contacts.get(contact_id)).tags
    assert set(await ghl.tags.add(contact_id, ["VIP", "Late "])) == {*had, "vip", "late"}
    assert set(await ghl.tags.remove(contact_id, ["vip", "never"])) == {*had, "late"} - {"vip"}
    user, other = sandbox.state.main.people.user_ids[:2]
    followers = await ghl.contacts.add_followers(contact_id, [user, other])
    assert {user, other} <= set(followers)
    assert user not in await ghl.contacts.remove_followers(contact_id, [user])
    for call in (ghl.tags.add("A" * 20, ["x"]), ghl.contacts.remove_followers("A" * 20, ["x"])):
        with pytest.raises(NotFound):
            await call


async def test_many_contacts_are_tagged_and_each_says_what_became_of_it(ghl, sandbox):
    sandbox.state.rules.change(bulk_tags_refuse=50)
    ids = [contact.id async for contact in ghl.contacts.iterate()]
    await ghl.contacts.delete(ids[7])
    results = await ghl.tags.add_many([*ids, "nobody"], ["Imported"])
    assert [each.contact_id for each in results if not each.ok] == [ids[7], "nobody"]
    assert [each.reason for each in results if not each.ok] == [
        "contact is deleted",
        "contact id is not a valid firebase id",
    ]
    assert (await ghl.contacts.search(ContactQuery(tags=["imported"]))).total == 119
    assert all(each.ok for each in await ghl.tags.remove_many(ids[:5], ["imported"]))
    assert all(each.ok for each in await ghl.tags.remove_many(ids[:5], all_tags=True))
    assert (await ghl.contacts.get(ids[0])).tags == ()
    assert ghl.stats.by_operation["tags.add_many"] == 7  # 121 and 60 are refused; then 30 a request


async def test_contacts_are_put_into_campaigns_and_workflows_and_taken_out(ghl, sandbox):
    contact_id = oldest(sandbox)
    campaign, workflow = (await ghl.automations.campaigns())[0], (await ghl.automations.workflows())[0]
    await ghl.automations.add_to_campaign(contact_id, campaign.id)
    await ghl.automations.add_to_workflow(contact_id, workflow.id)
    record = sandbox.state.main.record(sandbox.state.main.find(contact_id))
    assert (record["campaigns"], record["activeWorkflows"]) == ([campaign.id], [workflow.id])
    await ghl.automations.remove_from_campaign(contact_id, campaign.id)
    await ghl.automations.remove_from_workflow(contact_id, workflow.id)
    await ghl.automations.add_to_campaign(contact_id, campaign.id)
    await ghl.automations.remove_from_all_campaigns(contact_id)
    record = sandbox.state.main.record(sandbox.state.main.find(contact_id))
    assert (record["campaigns"], record["activeWorkflows"]) == ([], [])
    with pytest.raises(NotFound, match="Workflow with id W not found"):
        await ghl.automations.add_to_workflow(contact_id, "W")


async def test_businesses_are_written_and_contacts_belong_to_them(ghl):
    made = await ghl.businesses.create(BusinessDraft(name="Example Ltd", city="Bern"))
    assert (
        await ghl.businesses.update(made.id, BusinessChanges(city="", phone="+41315550000"))
    ).phone == "+41315550000"
    assert (await ghl.businesses.get(made.id)).name == "Example Ltd"
    ids = [contact.id async for contact in ghl.contacts.iterate()]
    results = await ghl.businesses.assign([*ids[:60], "A" * 20], made.id)
    assert [each.contact_id for each in results if not each.ok] == ["A" * 20]
    assert (await ghl.contacts.list_by_business(made.id)).total == 60
    await ghl.businesses.assign(ids[:10], None)
    assert (await ghl.contacts.list_by_business(made.id)).total == 50
    await ghl.businesses.delete(made.id)
    assert made.id not in [each.id for each in (await ghl.businesses.list()).items]
    with pytest.raises(NotFound, match="not found"):
        await ghl.businesses.get(made.id)
