"""What `ghl-async export` writes, fed back to `ghl-async update`: the same fields, and no row that fails."""

import csv
import json
import re

import pytest

from .command import Command
from .truth import oldest


@pytest.fixture
def ghl_async(sandbox, tmp_path):
    return Command(tmp_path, sandbox)


def truth(sandbox, contact_id):
    main = sandbox.state.main
    return main.record(main.find(contact_id))


def requests(sandbox, method):
    return [entry for entry in sandbox.log.entries if entry.method == method]


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
async def test_what_was_exported_comes_back_without_a_row_that_fails_and_changes_nothing(ghl_async, kind):
    assert (await ghl_async("backfill", "--quiet")).code == 0
    assert (await ghl_async("export", "contacts", "--custom-fields", "--to", f"c.{kind}")).code == 0
    columns = ("--replace-tags", "--leave-out", "company_name")
    refused = await ghl_async("update", f"c.{kind}", *columns)
    assert refused.code == 2
    shown_only = re.search(r"--leave-out (\S+) goes on without", refused.err)[1]
    assert "date_of_birth" not in shown_only
    everything = ("--replace-tags", "--leave-out", f"company_name,{shown_only}")
    ended = await ghl_async("update", f"c.{kind}", "--dry-run", *everything, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["written"]["planned"] == 120
    ended = await ghl_async("update", f"c.{kind}", "--diff", *everything)
    assert ended.code == 0, ended.err
    assert re.search(r"^so already +1[12]\d$", ended.out, re.MULTILINE), "but for numbers that the API shows as texts"


async def test_a_custom_field_that_is_called_as_a_contacts_own_comes_back_into_itself(ghl_async, sandbox, tmp_path):
    named = {
        name: sandbox.state.main.dictionaries.fields.create(name, "contact", {"dataType": "TEXT"})
        for name in ("Address", "First Name")
    }
    contact_id = oldest(sandbox, 0)
    before = truth(sandbox, contact_id)
    assert (await ghl_async("backfill", "--quiet")).code == 0
    assert (await ghl_async("export", "contacts", "--custom-fields", "--to", "c.csv")).code == 0
    keys = {name: field["fieldKey"] for name, field in named.items()}
    rows = [row for row in read(tmp_path / "c.csv") if row["id"] == contact_id]
    assert set(keys.values()) <= rows[0].keys()
    assert not set(named) & rows[0].keys()
    write(tmp_path / "x.csv", [{"id": contact_id} | {key: f"new {key}" for key in keys.values()}])
    assert (await ghl_async("update", "x.csv")).code == 0
    after = truth(sandbox, contact_id)
    values = {value["id"]: value["value"] for value in after["customFields"]}
    assert [values[named[name]["id"]] for name in keys] == [f"new {key}" for key in keys.values()]
    assert [after[name] for name in ("address1", "firstName")] == [before[name] for name in ("address1", "firstName")]
    write(tmp_path / "y.csv", [{"id": contact_id, "Address": "5 Elm", "First Name": "Ann"}])
    sent = len(requests(sandbox, "PUT"))
    ended = await ghl_async("update", "y.csv")
    assert (ended.code, len(requests(sandbox, "PUT"))) == (2, sent)
    assert all(repr(key) in ended.err for key in keys.values())
