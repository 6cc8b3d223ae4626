"""Any sequence of writes leaves the sandbox and a plain model equal; the model knows no line of the sandbox."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import aiohttp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ghl_async.sandbox import Sandbox

from .conftest import Api

MADE_UP = 6  # the fourth and the fifth have a note together
SECOND = "Second@example.com"
PHONES = {
    "(205) 555-0101": "+12055550101",
    "+1 205-555-0102": "+12055550102",
    "12055550103": "+12055550103",
    "+41 44 555 01 04": "+41445550104",
}
ORDERS = (("email", "phone"), ("phone", "email"), ("email",), ("phone",))
MORE = {"email": "additionalEmails", "phone": "additionalPhones"}


class Refused(Exception):
    """The API says 400."""


def cleaned(tags):
    return list(dict.fromkeys(tag.strip().lower() for tag in tags))


class Model:
    """Contacts as dicts: profile, tags, children; nothing clever."""

    def __init__(self, order, may_repeat):
        self.order = order
        self.may_repeat = may_repeat
        self.contacts = {}

    def holder(self, kind, value):
        by_age = sorted(self.contacts.values(), key=lambda one: (one["dateAdded"], one["id"]))
        own = [one["id"] for one in by_age if (one[kind] or "").lower() == value.lower()]
        more = [one["id"] for one in by_age if value.lower() in [held.lower() for held in one[MORE[kind]]]]
        return next(iter(own + more), None)

    def holders(self, changes, order):
        held = {kind: self.holder(kind, changes[kind]) for kind in order if changes.get(kind)}
        return {kind: one for kind, one in held.items() if one is not None}

    def changes(self, body):
        changes = {name: body[name] for name in ("firstName", "lastName", "email", "city") if name in body}
        if "phone" in body:
            changes["phone"] = PHONES.get(body["phone"], body["phone"])
        if "tags" in body:
            changes["tags"] = cleaned(body["tags"])
        if "customFields" in body:
            changes["fields"] = {item["key"]: item["field_value"] for item in body["customFields"]}
        return changes

    def refuse_doubles(self, changes, besides=None):
        if not self.may_repeat and any(one != besides for one in self.holders(changes, self.order).values()):
            raise Refused

    def put(self, contact, changes):
        for kind, name in MORE.items():
            if changes.get(kind):
                contact[name] = [one for one in contact[name] if one.lower() != changes[kind].lower()]
        fields = contact["fields"] | changes.pop("fields", {})
        contact |= changes | {"fields": {key: value for key, value in fields.items() if value not in ("", None)}}

    def create(self, contact_id, date_added, changes):
        blank = dict.fromkeys(("firstName", "lastName", "email", "phone", "city"))
        contact = blank | {"id": contact_id, "dateAdded": date_added, "tags": [], "fields": {}}
        contact |= {"additionalEmails": [], "additionalPhones": [], "tasks": {}, "notes": {}, "events": {}}
        self.contacts[contact_id] = contact
        self.put(contact, changes)

    def target_of_upsert(self, changes):
        held = self.holders(changes, ("email", "phone") if self.may_repeat else self.order)
        target = next(iter(held.values()), None)
        ignored = [] if self.may_repeat else [kind for kind, one in held.items() if one != target]
        return target, {name: value for name, value in changes.items() if name not in ignored}


def profile(shown):
    """What the model compares of a contact as GET shows it; fields never set are left out there."""
    names = ("id", "dateAdded", "firstName", "lastName", "email", "phone", "city")
    return {name: shown.get(name) for name in (*names, "tags", "additionalEmails", "additionalPhones")}


class Run:
    """One sequence, against both."""

    def __init__(self, api, model):
        self.api = api
        self.model = model
        self.location_id = api.sandbox.location_id

    async def start(self):
        self.fields = {
            field["fieldKey"].removeprefix("contact."): field["id"]
            for field in (await self.api("GET", f"/locations/{self.location_id}/customFields")).content["customFields"]
        }
        rich = {"firstName": "Own", "email": "own@example.com", "additionalEmails": [SECOND, "third@example.com"]}
        await self.api("POST", "/_sandbox/contacts", rich | {"additionalPhones": ["+12055550102"]})
        self.calendar = (await self.api("GET", f"/calendars/?locationId={self.location_id}")).content["calendars"][0]
        for one in (await self.api("GET", "/_sandbox/truth?limit=100")).content["contacts"]:
            shown = (await self.api("GET", f"/contacts/{one['contact']['id']}")).content["contact"]
            self.model.contacts[shown["id"]] = profile(shown) | {
                "fields": self.values(shown),
                "tasks": {task["id"]: task for task in one["tasks"]},
                "notes": {note["id"]: note for note in one["notes"]},
                "events": {event["id"]: event["startTime"] for event in one["events"]},
            }

    def values(self, shown):
        return {item["id"]: item["value"] for item in shown["customFields"] if item["value"] not in ("", None, [], {})}

    def keyed(self, changes):
        """Custom fields by id, as the sandbox answers them."""
        if "fields" in changes:
            changes = changes | {"fields": {self.fields[key]: value for key, value in changes["fields"].items()}}
        return changes

    def pick(self, number):
        ids = sorted(self.model.contacts)
        return ids[number % len(ids)] if ids else None

    async def call(self, status, method, path, body=None):
        reply = await self.api(method, path, body)
        assert reply.status == status, (method, path, body, reply.content)
        return reply.content

    async def create(self, body):
        changes = self.keyed(self.model.changes(body))
        body = {"locationId": self.location_id} | body
        try:
            self.model.refuse_doubles(changes)
        except Refused:
            assert "meta" in await self.call(400, "POST", "/contacts/", body)
            return
        made = (await self.call(201, "POST", "/contacts/", body))["contact"]
        self.model.create(made["id"], made["dateAdded"], changes)

    async def upsert(self, body):
        target, changes = self.model.target_of_upsert(self.keyed(self.model.changes(body)))
        reply = await self.call(200, "POST", "/contacts/upsert", {"locationId": self.location_id} | body)
        assert reply["new"] is (target is None)
        if target is None:
            self.model.create(reply["contact"]["id"], reply["contact"]["dateAdded"], changes)
        else:
            assert reply["contact"]["id"] == target
            self.model.put(self.model.contacts[target], changes)

    async def update(self, who, body):
        contact_id = self.pick(who)
        if contact_id is None:
            return
        changes = self.keyed(self.model.changes(body))
        try:
            self.model.refuse_doubles(changes, contact_id)
        except Refused:
            await self.call(400, "PUT", f"/contacts/{contact_id}", body)
            return
        await self.call(200, "PUT", f"/contacts/{contact_id}", body)
        self.model.put(self.model.contacts[contact_id], changes)

    async def delete(self, who):
        contact_id = self.pick(who)
        if contact_id is None:
            return
        await self.call(200, "DELETE", f"/contacts/{contact_id}")
        del self.model.contacts[contact_id]
        await self.call(400, "DELETE", f"/contacts/{contact_id}")

    async def tag(self, who, tags, *, add):
        contact_id = self.pick(who)
        if contact_id is None:
            return
        held, given = self.model.contacts[contact_id]["tags"], cleaned(tags)
        wanted = held + [tag for tag in given if tag not in held] if add else [t for t in held if t not in given]
        reply = await self.call(
            201 if add else 200, "POST" if add else "DELETE", f"/contacts/{contact_id}/tags", {"tags": tags}
        )
        assert reply["tags"] == wanted
        self.model.contacts[contact_id]["tags"] = wanted

    async def bulk(self, numbers, tags, *, add):
        chosen = [self.pick(number) for number in numbers if self.model.contacts]
        body = {"locationId": self.location_id, "contacts": [*chosen, "A" * 20], "tags": tags}
        reply = await self.call(201, "POST", f"/contacts/bulk/tags/update/{'add' if add else 'remove'}", body)
        assert reply["errorCount"] == 1
        for contact_id in chosen:
            held, given = self.model.contacts[contact_id]["tags"], cleaned(tags)
            kept = held if add else [tag for tag in held if tag not in given]
            self.model.contacts[contact_id]["tags"] = kept + [t for t in given if add and t not in held]

    async def child(self, who, which, kind, fields):
        """Make a child, or change or delete the one that `which` leads to."""
        contact_id = self.pick(who)
        if contact_id is None:
            return
        wrapper, path = kind.removesuffix("s"), f"/contacts/{contact_id}/{kind}"
        held = self.model.contacts[contact_id][kind]
        if which % 3 == 0 or not held:
            blank = {"title": "Call", "dueDate": "2030-01-01T10:00:00+01:00", "completed": False}
            body = (blank if kind == "tasks" else {"body": "Said hello"}) | fields
            made = (await self.call(201, "POST", path, body))[wrapper]
            assert made["contactId"] == contact_id
            held[made["id"]] = made
            assert {name: made[name] for name in fields} == fields
            return
        child_id = sorted(held)[which % len(held)]
        with_it = [one[kind] for one in self.model.contacts.values() if child_id in one[kind]]
        if which % 3 == 1:
            changed = (await self.call(200, "PUT", f"{path}/{child_id}", fields))[wrapper]
            bare = {"bodyText": fields["body"]} if kind == "notes" and "body" in fields else {}
            for children in with_it:
                children[child_id] = children[child_id] | fields | bare
            assert changed == held[child_id]
        else:
            await self.call(200, "DELETE", f"{path}/{child_id}")
            for children in with_it:
                del children[child_id]

    async def book(self, who, which, hours):
        contact_id = self.pick(who)
        if contact_id is None:
            return
        held = self.model.contacts[contact_id]["events"]
        start = (datetime.fromisoformat("2030-07-01T09:00:00-05:00") + timedelta(hours=hours)).isoformat()
        path = "/calendars/events/appointments"
        if which % 3 == 0 or not held:
            body = {"locationId": self.location_id, "contactId": contact_id, "calendarId": self.calendar["id"]}
            held[(await self.call(200, "POST", path, body | {"startTime": start}))["id"]] = start
            return
        event_id = sorted(held)[which % len(held)]
        if which % 3 == 1:
            await self.call(200, "PUT", f"{path}/{event_id}", {"startTime": start})
            held[event_id] = start
        else:
            await self.call(200, "DELETE", f"/calendars/events/{event_id}")
            del held[event_id]
            assert (await self.call(200, "GET", f"{path}/{event_id}"))["appointment"]["deleted"] is True

    async def check(self):
        model = self.model.contacts
        found = {contact["id"]: contact for contact in await self.api.walk(pageLimit=500)}
        assert set(found) == set(model)
        for contact_id, wanted in model.items():
            shown = (await self.call(200, "GET", f"/contacts/{contact_id}"))["contact"]
            kept = {name: value for name, value in wanted.items() if name not in {"fields", "tasks", "notes", "events"}}
            assert profile(shown) == kept
            assert self.values(shown) == wanted["fields"]
            searched = found[contact_id]
            assert {name: searched[name] for name in ("firstName", "email", "phone", "tags")} == {
                name: wanted[name] for name in ("firstName", "email", "phone", "tags")
            }
            for kind in ("tasks", "notes"):
                listed = (await self.call(200, "GET", f"/contacts/{contact_id}/{kind}"))[kind]
                assert {one["id"]: one for one in listed} == wanted[kind]
        await self.check_location_wide(model)

    async def check_location_wide(self, model):
        tasks = (await self.call(200, "POST", f"/locations/{self.location_id}/tasks/search", {"limit": 1000}))["tasks"]
        assert {task["id"]: task for task in tasks} == {k: v for one in model.values() for k, v in one["tasks"].items()}
        body = {"locationId": self.location_id, "limit": 1000, "count": True}
        reply = await self.api("POST", "/notes/search", body, Version="v3")
        notes = {k: v for one in model.values() for k, v in one["notes"].items()}
        assert {note["id"]: note for note in reply.content["notes"]} == notes
        assert reply.content["count"] == len(notes)
        events = {}
        for calendar in (await self.call(200, "GET", f"/calendars/?locationId={self.location_id}"))["calendars"]:
            query = f"locationId={self.location_id}&startTime=0&endTime=4102444800000&calendarId={calendar['id']}"
            for event in (await self.call(200, "GET", f"/calendars/events?{query}"))["events"]:
                events[event["id"]] = datetime.fromisoformat(event["startTime"])
        wanted = {key: datetime.fromisoformat(start) for one in model.values() for key, start in one["events"].items()}
        assert events == wanted


def apply(run, op):
    name, *arguments = op
    if name in {"tag", "untag"}:
        return run.tag(*arguments, add=name == "tag")
    if name in {"bulk", "unbulk"}:
        return run.bulk(*arguments, add=name == "bulk")
    return getattr(run, name)(*arguments)


WHO = st.integers(0, 40)
WHICH = st.integers(0, 11)
EMAILS = st.sampled_from(["ada@example.com", "ADA@example.com", "bea@example.com", "own@example.com", SECOND])
TAGS = st.lists(st.sampled_from(["vip", " VIP", "Neu", "neu ", "spring"]), max_size=3)
FIELDS = st.lists(
    st.fixed_dictionaries(
        {"key": st.sampled_from(["text", "large_text"]), "field_value": st.sampled_from(["x", "y", ""])}
    ),
    max_size=2,
    unique_by=lambda item: item["key"],
)
NUMBERS = st.sampled_from([*PHONES, "+12000000002"])
BODY = st.fixed_dictionaries(
    {},
    optional={
        "firstName": st.sampled_from(["Ada", "Zoë", None]),
        "lastName": st.sampled_from(["Xu", None]),
        "email": st.none() | EMAILS,
        "phone": st.none() | NUMBERS,
        "city": st.sampled_from(["Bern", None]),
        "tags": TAGS,
        "customFields": FIELDS,
    },
)
BOTH = st.fixed_dictionaries({"email": EMAILS, "phone": NUMBERS}, optional={"tags": TAGS})  # of one contact or of two
TASK = st.fixed_dictionaries({}, optional={"title": st.sampled_from("ab"), "completed": st.booleans()})
NOTE = st.fixed_dictionaries({}, optional={"body": st.sampled_from(["x", "y"]), "pinned": st.booleans()})
OP = st.one_of(
    st.tuples(st.just("create"), BODY | BOTH),
    st.tuples(st.just("upsert"), BODY | BOTH),
    st.tuples(st.just("update"), WHO, BODY),
    st.tuples(st.just("delete"), WHO),
    st.tuples(st.sampled_from(["tag", "untag"]), WHO, TAGS),
    st.tuples(st.sampled_from(["bulk", "unbulk"]), st.lists(WHO, max_size=4), TAGS),
    st.tuples(st.just("child"), WHO, WHICH, st.just("tasks"), TASK),
    st.tuples(st.just("child"), WHO, WHICH, st.just("notes"), NOTE),
    st.tuples(st.just("book"), WHO, WHICH, st.integers(0, 99)),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ops=st.lists(OP, min_size=5, max_size=30), order=st.sampled_from(ORDERS), may_repeat=st.booleans())
def test_any_sequence_of_writes_leaves_the_sandbox_and_a_plain_model_equal(ops, order, may_repeat):
    async def play():
        options = {
            "allow_duplicates": may_repeat,
            "unique_identifiers": ",".join(order),
            "lost": 0.0,
            "notes": 0.5,
            "appointments": 2,
        }
        sandbox = Sandbox(contacts=MADE_UP, requests=100_000, **options)
        async with sandbox, aiohttp.ClientSession() as session:
            run = Run(Api(sandbox, session), Model(order, may_repeat))
            await run.start()
            for op in ops:
                await apply(run, op)
            await run.check()

    asyncio.run(play())
