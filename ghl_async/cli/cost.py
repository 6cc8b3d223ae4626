"""What a run will cost, in words: a table for `ghl-async plan`, a few lines before a run, and why one is refused."""

from __future__ import annotations

from ..bulk import Plan
from ..client import QuotaState

__all__ = ["in_short", "refusal", "table"]

_EACH_CONTACT = "each contact"
_TINY_SHARE = 0.0001
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def table(plan: Plan, quota: QuotaState, command: str = "backfill") -> str:
    """Write the plan of a command as a table, and what it means for the quota below."""
    rows = [("", "records", "requests", "")]
    for way in plan.ways:
        records = "?" if way.records is None else f"{way.records:,}"
        rows.append((way.kind, records, f"{way.requests:,}", f"{way.by}: {way.why}"))
    if plan.sample_requests:
        rows.append(("check", "", f"{plan.sample_requests:,}", "some contacts, read again and compared"))
    rows.append(("in all", "", f"{plan.requests:,}", ""))
    lines = [
        f"{name:<14}{records:>12}{requests:>12}   {' '.join(how.split())}" for name, records, requests, how in rows
    ]
    return "\n".join((*(line.rstrip() for line in lines), *_for_the_quota(plan, quota, command)))


def _for_the_quota(plan: Plan, quota: QuotaState, command: str) -> list[str]:
    per = f"{quota.requests:,} requests in {quota.interval_seconds:g} s"
    lines = [f"time: {_duration(plan.seconds)} at the full quota, {per}"]
    if plan.day_share is not None:
        lines.append(f"share of the day: {_share(plan.day_share)} of {quota.daily:,} requests")
    if plan.day_left is not None:
        kept = f"{quota.daily_floor:,} more are kept for single calls"
        lines.append(f"left today for bulk work: {plan.day_left:,} requests; {kept}")
    if plan.breaks_floor:
        lines.append(f"That is too little: {_advice(plan, quota, _forced(f'ghl-async {command} --force'))}")
    return lines


def in_short(plan: Plan) -> list[str]:
    """Write the plan in a few lines."""
    share = "" if plan.day_share is None else f", {_share(plan.day_share)} of the day"
    ways = [way for way in plan.ways if way.requests]
    parts = [f"{way.kind} {way.requests:,} ({way.why if way.kind == 'contacts' else way.by})" for way in ways]
    if plan.sample_requests:
        parts.append(f"check {plan.sample_requests:,}")
    return [
        f"The plan: about {_requests(plan.requests)}, {_duration(plan.seconds)} at the full quota{share}.",
        f"  {', '.join(parts)}",
        *(f"  {way.kind} contact by contact: {way.why}" for way in ways if way.by == _EACH_CONTACT),
    ]


def refusal(plan: Plan, quota: QuotaState, instead: str | None = None) -> str:
    """Say why a run is not begun, and what to do: to wait, or `instead`; by default to force it."""
    return (
        f"about {_requests(plan.requests)} are needed and {plan.day_left:,} are left today for bulk work, so nothing "
        f"was read: {_advice(plan, quota, instead or _forced('--force'))}"
    )


def _forced(force: str) -> str:
    return f"{force} begins now, stops where the day's quota ends, and the same command goes on the next day"


def _advice(plan: Plan, quota: QuotaState, instead: str) -> str:
    if quota.daily is not None and plan.requests > quota.daily - quota.daily_floor:
        return f"no day holds so much; {instead}"
    at = quota.daily_resets_at
    return f"wait until {'the next day' if at is None else f'{at:%Y-%m-%d %H:%M} UTC'}, or {instead}"


def _requests(number: int) -> str:
    return f"{number:,} request{'' if number == 1 else 's'}"


def _share(share: float) -> str:
    return f"{share:.1%}" if share >= _TINY_SHARE * 10 else f"{share:.2%}" if share >= _TINY_SHARE else "under 0.01%"


def _duration(seconds: float) -> str:
    """A time as people say it: its two largest units."""
    if seconds < 1:
        return "less than 1 s"
    whole = round(seconds)
    units = (
        ("d", whole // _DAY),
        ("h", whole % _DAY // _HOUR),
        ("min", whole % _HOUR // _MINUTE),
        ("s", whole % _MINUTE),
    )
    first = next(place for place, (_, number) in enumerate(units) if number)
    return " ".join(f"{number} {unit}" for unit, number in units[first : first + 2] if number)
