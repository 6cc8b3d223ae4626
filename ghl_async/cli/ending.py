"""How a run ended, in words: the table of its Summary, what to do next, and the line where something is amiss."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ..bulk import Changes, Summary, Verified
from .scopes import CHEAP_SCOPES

__all__ = ["closing_line", "hints", "table", "table_of_sync", "table_of_verification"]

_LOOKED_AT = {
    "changes": "contacts that were added or whose date has moved",
    "sweep": "every contact, what the calendars show, and the newest notes",
    "everything": "every record",
}


def table(summary: Summary, kinds: Sequence[str]) -> str:
    """Write the books as a table, one line each."""
    stored = summary.stored
    rows = [("", "this run", "in the store", "the server says")]
    for name in ("contacts", *kinds):
        in_store = "" if stored is None else f"{getattr(stored, name):,}"
        says = f"{summary.server_total:,}" if name == "contacts" and summary.server_total is not None else ""
        rows.append((name, f"{getattr(summary, name):,}", in_store, says))
    for name, number, whole in (
        ("quarantined", summary.quarantined, stored and stored.quarantined),
        ("failed", summary.failed, stored and stored.holes),
    ):
        rows.append((name, f"{number:,}", "" if whole is None else f"{whole:,}", ""))
    if summary.pruned:
        rows.append(("removed", f"{summary.pruned:,}", "", ""))
    lines = [f"{name:<14}{run:>12}{store:>15}{server:>18}".rstrip() for name, run, store, server in rows]
    return "\n".join((*lines, *_dearer(summary), *_unlisted(summary), _effort(summary)))


def table_of_sync(summary: Summary) -> str:
    """Write what a sync found, and how far it looked."""
    found = summary.changes or Changes()
    lines = _rows({"added": found.added, "changed": found.changed, "removed": found.removed} | _sides(summary))
    if summary.stored is not None and summary.stored.holes:
        lines += _rows({"failed": summary.stored.holes})
    lines.append(f"looked at: {_LOOKED_AT[found.read]}.")
    return "\n".join((*lines, *_dearer(summary), *_unlisted(summary), _effort(summary)))


def table_of_verification(summary: Summary) -> str:
    """Write what was compared, and what is not the same."""
    found = summary.verified or Verified()
    amiss = {"missing": found.missing, "stale": found.stale, "surplus": found.surplus, "not read": found.holes}
    lines = [
        *_rows(amiss | _sides(summary)),
        f"compared: {found.contacts:,} contacts and {found.records:,} of their records.",
    ]
    if found.all and found.mended:
        lines.append("All of it was mended.")
    return "\n".join((*lines, *_unlisted(summary), _effort(summary)))


def _sides(summary: Summary) -> dict[str, int]:
    """How many contacts each side has."""
    stored = {} if summary.stored is None else {"contacts in the store": summary.stored.contacts}
    return stored | ({} if summary.server_total is None else {"the server says": summary.server_total})


def _rows(counts: dict[str, int]) -> list[str]:
    return [f"{name:<22}{count:>12,}" for name, count in counts.items()]


def _dearer(summary: Summary) -> list[str]:
    return [f"{way.kind} were read contact by contact: {way.why}." for way in summary.ways if way.by == "each contact"]


def _unlisted(summary: Summary) -> list[str]:
    """What no calendar shows, and the store need not hold."""
    found, sample = summary.verified, summary.sample
    if found is not None and found.unlisted:
        said = f"{found.unlisted:,} appointments that the store lacks"
    elif sample is not None and sample.other_calendars:
        said = f"{sample.other_calendars:,} appointments of {sample.contacts} sampled contacts"
    else:
        return []
    return [f"{said} lie in calendars that the location does not list: backfill --deleted-calendars reads those."]


def _effort(summary: Summary) -> str:
    words = f"requests: {summary.requests:,} in {summary.seconds:.1f} s"
    if summary.sample is not None and summary.sample.contacts:
        sample = summary.sample
        missing = f"{len(sample.missing):,} missing" if sample.missing else "none missing"
        words += f"; {sample.children:,} records of {sample.contacts} contacts read again, {missing}"
    return words + "."


def hints(store: Path, kinds: Sequence[str], *, is_sandbox: bool) -> str:
    """Say how to look into the store and, after a try, how to copy a real location."""
    sql = "SELECT contact_name, email, phone FROM contacts LIMIT 5"
    python = f"import sqlite3; print(*sqlite3.connect({str(store)!r}).execute({sql!r}), sep=chr(10))"
    lines = [
        "",
        f"Look into {store} (views: {', '.join(('contacts', *kinds, 'custom_field_values'))}):",
        f'  sqlite3 {shlex.quote(str(store))} "{sql}"',
        f"  python3 -c {_double_quoted(python)}",
    ]
    if is_sandbox:
        lines += [
            "",
            "Copy a real location, with a private integration token that has the scopes contacts.readonly and, to be",
            f"cheap, {', '.join(CHEAP_SCOPES)}:",
            "  export GHL_TOKEN=... GHL_LOCATION_ID=...    (or, to be kept: ghl-async login --location-id ...)",
            "  ghl-async plan",
            "  ghl-async backfill",
        ]
    return "\n".join(lines)


def _double_quoted(code: str) -> str:
    escaped = code
    for special in ("\\", '"', "$", "`"):
        escaped = escaped.replace(special, "\\" + special)
    return f'"{escaped}"'


def closing_line(summary: Summary, store: Path, *, fresh: bool) -> str:
    """Say what is amiss and what to do; nothing if all is well."""
    if not summary.exit_code:
        return ""
    if summary.reason != "stopped":
        return summary.message
    total = "" if summary.server_total is None else f" of {summary.server_total:,}"
    again = "the same command without --fresh" if fresh else "the same command"
    return f"stopped at {summary.found:,}{total} contacts, all of them safe in {store}: {again} goes on from there"
