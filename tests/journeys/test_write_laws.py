"""Any sequence of writes through the client leaves the sandbox and a plain model equal; the model knows neither."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from operator import itemgetter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ghl_async.errors import DuplicateContact, NotFound, UsageError
from ghl_async.models import (
    AppointmentChanges,
    AppointmentDraft,
    BlockSlotChanges,
    BlockSlotDraft,
    BusinessChanges,
    BusinessDraft,
    ContactChanges,
    ContactDraft,
    NoteChanges,
    NoteDraft,
    TaskChanges,
    TaskDraft,
)
from ghl_async.sandbox import Sandbox
from ghl_async.sandbox.admin import truth

from .conftest import client_of

AT = datetime(2030, 7, 17, 15, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
PHONES = {"+1 205-555-0101": "+12055550101", "(205) 555-0102": "+12055550102", "+41 44 668 18 00": "+41446681800"}
PLAIN = {"first_name": "firstName", "last_name": "lastName", "email": "email", "city": "city", "website": "website"}
NOBODY = "A" * 20


class Model:
    """Contacts and what hangs on them, as dicts; `change` and `take` say what each write means."""

    def __init__(self, order, may_repeat):
        self.order = ("email", "phone") if may_repeat else order
        self.may_repeat = may_repeat
        self.contacts = {}
        self.businesses = {}
        self.blocks = {}

    def holder(self, kind, value):
        """The oldest contact that has it, where the location recognises contacts by it."""
        if kind not in self.order or not value:
            return None
        held = [one for one in self.contacts.values() if (one[kind] or "").lower() == value.lower()]
        return min(held, key=itemgetter("added", "id"), default={}).get("id")

    def holders(self, changes):
        found = ((kind, self.holder(kind, changes.get(kind))) for kind in self.order)
        return {kind: one for kind, one in found if one is not None}

    @staticmethod
    def fields(sent):
        changes = {theirs: sent[ours] for ours, theirs in PLAIN.items() if ours in sent}
        if "phone" in sent:
            changes["phone"] = PHONES.get(sent["phone"])
        if "tags" in sent:
            changes["tags"] = {tag.strip().lower() for tag in sent["tags"]}
        if "custom_fields" in sent:
            changes["custom"] = sent["custom_fields"]
        return changes

    def change(self, contact_id, changes):
        contact = self.contacts[contact_id]
        custom = contact["custom"] | changes.get("custom", {})
        contact |= changes | {"custom": {key: value for key, value in custom.items() if value is not None}}

    def add(self, made, changes):
        assert made.id not in self.contacts
        empty = {name: {} for name in ("tasks", "notes", "events", "custom")}
        sets = {name: set() for name in ("tags", "followers", "campaigns", "activeWorkflows")}
        blank = dict.fromkeys([*PLAIN.values(), "phone", "businessId"])
        self.contacts[made.id] = blank | empty | sets | {"id": made.id, "added": made.date_added}
        self.change(made.id, changes)


class Run:
    """One sequence, against both."""

    def __init__(self, ghl, sandbox, model):
        self.ghl = ghl
        self.location = sandbox.state.main
        self.model = model
        self.users = self.location.people.user_ids
        self.calendars = self.location.children.calendar_ids

    def pick(self, number):
        """A contact, or an id of none."""
        ids = sorted(self.model.contacts)
        return ids[number % len(ids)] if ids else NOBODY

    async def expect(self, refusal, call):
        """Call, and say whether it was done; it must be refused so if it must be refused at all."""
        (self.result,) = await asyncio.gather(call, return_exceptions=True)
        is_done = not isinstance(self.result, DuplicateContact | NotFound | UsageError)
        if isinstance(self.result, Exception) and (is_done or refusal is None):
            raise self.result
        assert is_done or type(self.result) is refusal
        assert is_done is (refusal is None)
        return is_done

    async def create(self, sent):
        changes = self.model.fields(sent)
        held = {} if self.model.may_repeat else self.model.holders(changes)
        call = self.ghl.contacts.create(ContactDraft(**sent))
        if await self.expect(DuplicateContact if held else None, call):
            self.model.add(self.result, changes)
        else:
            assert (self.result.field, self.result.contact_id) == next(iter(held.items()))

    async def upsert(self, sent, new_if_allowed):
        changes = self.model.fields(sent)
        held = self.model.holders(changes)
        forced = new_if_allowed and self.model.may_repeat
        refused = not (changes.get("email") or changes.get("phone")) or (
            not new_if_allowed and len(set(held.values())) > 1
        )
        call = self.ghl.contacts.upsert(ContactDraft(**sent), replace_tags=True, new_if_allowed=new_if_allowed)
        if not await self.expect(UsageError if refused else None, call):
            return
        contact = self.result.contact
        assert self.result.new is (forced or not held)
        if self.result.new:
            self.model.add(contact, changes)
            return
        target = next(iter(held.values()))
        assert contact.id == target
        # with `new_if_allowed` there is no check: what belongs to another contact is ignored, where none may be doubled
        ignored = {kind for kind, one in held.items() if one != target and not self.model.may_repeat}
        self.model.change(target, {name: value for name, value in changes.items() if name not in ignored})

    async def update(self, who, sent):
        contact_id = self.pick(who)
        changes = self.model.fields(sent)
        held = [] if self.model.may_repeat else list(self.model.holders(changes).values())
        refusal = UsageError if not sent else NotFound if contact_id == NOBODY else None
        if refusal is None and any(one != contact_id for one in held):
            refusal = DuplicateContact
        if await self.expect(refusal, self.ghl.contacts.update(contact_id, ContactChanges(**sent), replace_tags=True)):
            self.model.change(contact_id, changes)

    async def delete(self, who):
        contact_id = self.pick(who)
        if await self.expect(None if contact_id != NOBODY else NotFound, self.ghl.contacts.delete(contact_id)):
            del self.model.contacts[contact_id]

    async def tag(self, verb, who, tags):
        contact_id, given = self.pick(who), {tag.strip().lower() for tag in tags}
        if await self.expect(
            None if contact_id != NOBODY else NotFound, getattr(self.ghl.tags, verb)(contact_id, tags)
        ):
            held = self.model.contacts[contact_id]["tags"]
            self.model.contacts[contact_id]["tags"] = held | given if verb == "add" else held - given
            assert set(self.result) == self.model.contacts[contact_id]["tags"]

    async def tag_many(self, verb, numbers, tags):
        ids = [self.pick(number) for number in numbers]
        given = {tag.strip().lower() for tag in tags}
        results = await getattr(self.ghl.tags, f"{verb}_many")([*ids, "nobody"], tags)
        assert {each.contact_id for each in results if each.ok} == {*ids} - {NOBODY}
        for contact_id in {*ids} - {NOBODY}:
            held = self.model.contacts[contact_id]["tags"]
            self.model.contacts[contact_id]["tags"] = held | given if verb == "add" else held - given

    async def follow(self, verb, who, numbers):
        contact_id, users = self.pick(who), [self.users[number] for number in numbers]
        call = getattr(self.ghl.contacts, f"{verb}_followers")(contact_id, users)
        if await self.expect(None if contact_id != NOBODY else NotFound, call):
            held = self.model.contacts[contact_id]["followers"]
            self.model.contacts[contact_id]["followers"] = held | {*users} if verb == "add" else held - {*users}

    async def automate(self, kind, verb, who, number):
        known = self.location.dictionaries.campaigns if kind == "campaign" else self.location.dictionaries.workflows
        contact_id, wanted = self.pick(who), known[number % len(known)]["id"]
        call = getattr(self.ghl.automations, f"{verb}_{'to' if verb == 'add' else 'from'}_{kind}")(contact_id, wanted)
        if await self.expect(None if contact_id != NOBODY else NotFound, call):
            held = self.model.contacts[contact_id]["campaigns" if kind == "campaign" else "activeWorkflows"]
            (held.add if verb == "add" else held.discard)(wanted)

    async def child(self, kind, who, which, sent):
        """Make a child, or change or delete the one that `which` leads to."""
        contact_id = self.pick(who)
        if contact_id == NOBODY:
            return
        verbs, held = getattr(self.ghl, kind), self.model.contacts[contact_id][kind]
        draft, changes = (TaskDraft, TaskChanges) if kind == "tasks" else (NoteDraft, NoteChanges)
        if which % 4 == 0 or not held:
            blank = {"title": "Call", "due_date": AT, "completed": False} if kind == "tasks" else {"body": "hello"}
            made = await verbs.create(contact_id, draft(**blank | sent))
            assert made.id not in held
            held[made.id] = blank | sent
            return
        child_id = sorted(held)[which % len(held)]
        if which % 4 == 1 and sent:
            await verbs.update(contact_id, child_id, changes(**sent))
            held[child_id] |= sent
        elif which % 4 == 2 and kind == "tasks":
            done = which % 8 == 2
            assert (await (verbs.complete if done else verbs.reopen)(contact_id, child_id)).completed is done
            held[child_id] |= {"completed": done}
        else:
            await verbs.delete(contact_id, child_id)
            del held[child_id]
            assert not await self.expect(NotFound, verbs.delete(contact_id, child_id))

    async def book(self, who, which, hours):
        contact_id = self.pick(who)
        if contact_id == NOBODY:
            return
        held, start = self.model.contacts[contact_id]["events"], AT + hours * HOUR
        if which % 3 == 0 or not held:
            calendar = self.calendars[which % 3]
            draft = AppointmentDraft(calendar_id=calendar, contact_id=contact_id, start_time=start, title="Visit")
            held[(await self.ghl.appointments.create(draft)).id] = (calendar, start, "confirmed")
            return
        event_id = sorted(held)[which % len(held)]
        if which % 3 == 1:
            await self.ghl.appointments.update(
                event_id, AppointmentChanges(start_time=start, appointment_status="showed")
            )
            held[event_id] = (held[event_id][0], start, "showed")
        else:
            await self.ghl.appointments.delete(event_id)
            del held[event_id]
            assert (await self.ghl.appointments.get(event_id)).deleted is True

    async def block(self, which, hours):
        held, start = self.model.blocks, AT + hours * HOUR
        if which % 3 == 0 or not held:
            draft = BlockSlotDraft(start_time=start, end_time=start + HOUR, calendar_id=self.calendars[0])
            held[(await self.ghl.block_slots.create(draft)).id] = start
            return
        slot_id = sorted(held)[which % len(held)]
        if which % 3 == 1:
            times = {"start_time": start, "end_time": start + HOUR}
            await self.ghl.block_slots.update(slot_id, BlockSlotChanges(calendar_id=self.calendars[0], **times))
            held[slot_id] = start
        else:
            await self.ghl.block_slots.delete(slot_id)
            del held[slot_id]

    async def business(self, which, numbers):
        held, ids = self.model.businesses, [self.pick(number) for number in numbers]
        if which % 4 == 0 or not held:
            held[(await self.ghl.businesses.create(BusinessDraft(name="Example Ltd"))).id] = "Example Ltd"
            return
        business_id = sorted(held)[which % len(held)]
        if which % 4 == 1:
            await self.ghl.businesses.update(business_id, BusinessChanges(name=f"Example {which}"))
            held[business_id] = f"Example {which}"
        elif which % 4 == 2:
            chosen = business_id if which % 8 == 2 else None
            results = await self.ghl.businesses.assign(ids, chosen)
            assert [each.ok for each in results] == [each.contact_id != NOBODY for each in results]
            for contact_id in {*ids} - {NOBODY}:
                self.model.contacts[contact_id]["businessId"] = chosen
        else:
            await self.ghl.businesses.delete(business_id)
            del held[business_id]
            for contact in self.model.contacts.values():
                if contact["businessId"] == business_id:
                    contact["businessId"] = None

    def check(self):
        """The sandbox's records against the model's."""
        fields = {field["id"]: field["fieldKey"].removeprefix("contact.") for field in self.custom_fields()}
        found = {}
        for entry in truth(self.location, 0, 1000)["contacts"]:
            shown = entry["contact"]
            values = {fields[item["id"]]: item["value"] for item in shown["customFields"]}
            found[shown["id"]] = {name: shown[name] for name in ("id", *PLAIN.values(), "phone", "businessId")} | {
                **{name: set(shown[name]) for name in ("tags", "followers")},
                "campaigns": {*entry["campaigns"]},
                "activeWorkflows": {*entry["workflows"]},
                "custom": values,
                "tasks": {each["id"]: task(each) for each in entry["tasks"]},
                "notes": {each["id"]: {name: each[name] for name in NOTE if name in each} for each in entry["notes"]},
                "events": {each["id"]: event(each) for each in entry["events"]},
            }
        pinned = {"pinned": False}
        for contact in self.model.contacts.values():
            del contact["added"]
            contact["notes"] = {key: pinned | note for key, note in contact["notes"].items()}
        assert found == self.model.contacts
        blocks = {key: datetime.fromisoformat(one["startTime"]) for key, one in self.location.block_slots.items()}
        assert blocks == self.model.blocks
        there = {key: one["name"] for key, one in self.location.dictionaries.businesses.by_id.items()}
        assert {key: name for key, name in there.items() if key not in self.location.people.business_ids} == (
            self.model.businesses
        )

    def custom_fields(self):
        return self.location.dictionaries.fields.by_id.values()


NOTE = ("body", "pinned")


def task(shown):
    names = {"title": "title", "completed": "completed", "dueDate": "due_date"}
    fields = {ours: shown[theirs] for theirs, ours in names.items()}
    return fields | {"due_date": datetime.fromisoformat(fields["due_date"])}


def event(shown):
    return shown["calendarId"], datetime.fromisoformat(shown["startTime"]), shown["appointmentStatus"]


WHO, WHICH, HOURS = st.integers(0, 20), st.integers(0, 23), st.integers(0, 50)
SOME = st.lists(WHO, min_size=1, max_size=4)
TAGS = st.lists(st.sampled_from(["vip", " VIP", "Neu", "spring"]), min_size=1, max_size=3)
EMAILS = st.sampled_from(["ada@example.com", "ADA@example.com", "bea@example.com", "cleo@example.com"])
FIELDS = {
    "first_name": st.sampled_from(["Ada", "Zoë"]),
    "last_name": st.sampled_from(["Xu", None]),
    "email": EMAILS,
    "phone": st.sampled_from([*PHONES]),
    "city": st.sampled_from(["Bern", None]),
    "website": st.just("https://example.com"),
    "tags": TAGS,
    "custom_fields": st.dictionaries(
        st.sampled_from(["text", "large_text"]), st.sampled_from(["x", "y", None]), min_size=1
    ),
}
DRAFT = st.fixed_dictionaries({}, optional=FIELDS).filter(bool)
CHANGES = st.fixed_dictionaries(
    {}, optional=FIELDS | {"email": EMAILS | st.none(), "phone": st.sampled_from([*PHONES, None])}
)
BOTH = st.fixed_dictionaries({"email": EMAILS, "phone": FIELDS["phone"]})
TASK = st.fixed_dictionaries({}, optional={"title": st.sampled_from("ab"), "completed": st.booleans()})
NOTES = st.fixed_dictionaries({}, optional={"body": st.sampled_from(["x", "<b>y</b>"]), "pinned": st.booleans()})
ADD_OR_REMOVE = st.sampled_from(["add", "remove"])
OP = st.one_of(
    st.tuples(st.just("create"), DRAFT | BOTH),
    st.tuples(st.just("create"), DRAFT),
    st.tuples(st.just("upsert"), DRAFT | BOTH, st.booleans()),
    st.tuples(st.just("update"), WHO, CHANGES),
    st.tuples(st.just("delete"), WHO),
    st.tuples(st.just("tag"), ADD_OR_REMOVE, WHO, TAGS),
    st.tuples(st.just("tag_many"), ADD_OR_REMOVE, SOME, TAGS),
    st.tuples(st.just("follow"), ADD_OR_REMOVE, WHO, st.lists(st.integers(0, 4), min_size=1, max_size=3)),
    st.tuples(st.just("automate"), st.sampled_from(["campaign", "workflow"]), ADD_OR_REMOVE, WHO, WHO),
    st.tuples(st.just("child"), st.just("tasks"), WHO, WHICH, TASK),
    st.tuples(st.just("child"), st.just("notes"), WHO, WHICH, NOTES),
    st.tuples(st.just("book"), WHO, WHICH, HOURS),
    st.tuples(st.just("block"), WHICH, HOURS),
    st.tuples(st.just("business"), WHICH, SOME),
)
BEGIN = (
    ("create", {"email": "ada@example.com", "phone": "+1 205-555-0101", "custom_fields": {"text": "x"}}),
    ("create", {"first_name": "Bea", "phone": "(205) 555-0102", "tags": ["vip", "old"]}),
    ("create", {"email": "cleo@example.com"}),
    *(("child", kind, who, 0, {}) for kind in ("tasks", "notes") for who in range(3)),
    *(("book", who, 0, 0) for who in range(3)),
    ("business", 0, [0]),
    ("business", 2, [0, 1]),
    *(("upsert", {"email": "ada@example.com", "phone": "(205) 555-0102"}, forced) for forced in (False, True)),
)
"""So that no sequence begins with nothing to write to."""
ORDERS = (("email", "phone"), ("phone", "email"), ("email",), ("phone",))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    ops=st.lists(OP, min_size=12, max_size=40),
    order=st.sampled_from(ORDERS),
    may_repeat=st.booleans(),
    version=st.sampled_from([None, "v3"]),
)
def test_any_sequence_of_writes_through_the_client_leaves_the_sandbox_and_a_plain_model_equal(
    ops, order, may_repeat, version
):
    async def play():
        sandbox = Sandbox(contacts=0, requests=100_000, allow_duplicates=may_repeat, unique_identifiers=",".join(order))
        async with sandbox, client_of(sandbox, api_version=version) as ghl:
            run = Run(ghl, sandbox, Model(order, may_repeat))
            for name, *arguments in (*BEGIN, *ops):
                await getattr(run, name)(*arguments)
            run.check()

    asyncio.run(play())
