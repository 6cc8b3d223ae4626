"""Faults on demand: each matches requests by method and path, and strikes a number of times or at a rate."""

from __future__ import annotations

import random
from typing import Any, Literal

import msgspec

__all__ = ["Fault", "Faults", "without_one_item"]

Kind = Literal[
    "too_many_requests",
    "server_error",
    "edge_error",
    "slow",
    "cut_before",
    "cut_after",
    "truncated",
    "empty",
    "expired_token",
    "drop_item",
    "refused",
    "created_but_422",
]


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One rule; requests to the admin door are never struck.

    - `too_many_requests`: 429 without asking the quota; `headers: false` leaves the rate headers out.
    - `server_error`: JSON of `status` (500) with `status` and `name`, counted by the quota but not processed.
    - `edge_error`: HTML of `status` (502), not counted.
    - `slow`: processed at once, answered `seconds` later.
    - `cut_before`: the connection closes before anything is processed or counted.
    - `cut_after`: processed and counted, then the connection closes: in the middle of the body, after the headers if
      it was a write, before a byte with `headers: false`.
    - `truncated`: a complete answer whose JSON breaks off in the middle.
    - `empty`: processed, answered 200 with no body.
    - `expired_token`: 401 that speaks of the token, not counted.
    - `drop_item`: a list answer silently lacks one item.
    - `refused`: the door stays shut: JSON of `status`, counted. 401 (the default) misses the scope, 403 is not opened
      to public tokens, 404 does not know the route; `after` shuts it midway.
    - `created_but_422`: a create is processed and counted, and answered 422 all the same; other requests are spared.
    """

    kind: Kind
    method: str = ""
    path_contains: str = ""
    times: int | None = None
    """How often it strikes; None means without end."""
    rate: float = 1.0
    after: int = 0
    """How many matching requests pass first."""
    seconds: float = 1.0
    status: int | None = None
    headers: bool = True
    matched: int = 0
    struck: int = 0

    def __post_init__(self) -> None:
        """Check the status of a refusal.

        Raises:
            ValueError: it is none of the three.
        """
        if self.kind == "refused" and self.status not in (None, 401, 403, 404):
            message = f"a door is refused with 401, 403 or 404, not {self.status}"
            raise ValueError(message)


class Faults:
    """The faults in force, asked in the order they were added; the first that strikes wins."""

    def __init__(self, seed: int) -> None:
        """Start with none; `rate` draws from a generator of its own."""
        self.active: list[Fault] = []
        self._dice = random.Random(seed)

    def add(self, fault: Fault | None = None, /, **fields: Any) -> Fault:
        """Put a fault in force, given whole or by its fields, and return it.

        Raises:
            ValueError: an unknown kind or field (msgspec.ValidationError is one).
        """
        match = fields.pop("match", None)
        chosen = fault if fault is not None else msgspec.convert(fields | (match or {}), Fault)
        self.active.append(chosen)
        return chosen

    def clear(self) -> None:
        """Take all faults out of force."""
        self.active.clear()

    def pick(self, method: str, path: str) -> Fault | None:
        """Return the fault that strikes this request, None if none does."""
        for fault in self.active:
            if (fault.method and fault.method != method) or fault.path_contains not in path:
                continue
            fault.matched += 1
            if fault.matched <= fault.after or (fault.times is not None and fault.struck >= fault.times):
                continue
            if fault.rate < 1.0 and self._dice.random() >= fault.rate:
                continue
            fault.struck += 1
            return fault
        return None


def without_one_item(body: bytes) -> bytes:
    """Return a JSON object with the middle item of its first non-empty list left out."""
    content = msgspec.json.decode(body)
    for value in content.values():
        if isinstance(value, list) and value:
            del value[len(value) // 2]
            break
    return msgspec.json.encode(content)
