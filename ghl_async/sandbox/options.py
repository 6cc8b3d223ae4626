"""Everything that can be chosen when a sandbox starts; the command line has the same names."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import msgspec

from .people import DEFAULT_ZONE

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Options", "parse_options"]


def _option(meaning: str, default: Any) -> Any:
    return field(default=default, metadata={"help": meaning})


@dataclass(kw_only=True, eq=False)
class Options:
    """The options of a sandbox; `None` leaves a limit to the profile, an empty string leaves a name to the seed."""

    contacts: int = _option("contacts of the main location", default=1000)
    seed: int = _option("everything made up follows from it", default=1)
    tasks: float = _option("tasks a contact, on average", default=1.0)
    notes: float = _option("notes a contact, on average", default=3.0)
    appointments: float = _option("appointments a contact, on average", default=1.0)
    lost: float = _option("share of the appointments whose calendar was deleted", default=0.02)
    poison: int = _option("contacts that strict clients cannot decode", default=0)
    host: str = _option("address to listen on", default="127.0.0.1")
    port: int = _option("port to listen on, 0 for a free one", default=0)
    token: str = field(default="", repr=False, metadata={"help": "the default private token"})
    location_id: str = _option("id of the main location", default="")
    timezone: str = _option("time zone of the locations", default=DEFAULT_ZONE)
    country: str = _option("country of the locations, two letters", default="US")
    allow_duplicates: bool = _option("let contacts have the same e-mail or phone", default=False)
    unique_identifiers: str = _option("what two contacts may not share, the first one first", default="email,phone")
    bulk_tags_refuse: int = _option("most contacts of one bulk tags request; more are a 422", default=500)
    children_touch_contact: bool = _option("let children and tags move a contact's dateUpdated", default=False)
    custom_fields_replace: bool = _option("let an update replace all custom fields, not merge them", default=False)
    index_lag_seconds: float = _option("how long search and list miss an added contact", default=0.0)
    tasks_clamp: int | None = _option("largest page of tasks search; a larger limit gets it silently", default=None)
    tasks_refuse: int | None = _option("largest limit of tasks search; a larger one is a 422", default=None)
    notes_clamp: int | None = _option("largest page of notes search; a larger limit gets it silently", default=None)
    notes_refuse: int | None = _option("largest limit of notes search; a larger one is a 422", default=None)
    search_clamp: int | None = _option("largest page of contact search; a larger limit gets it silently", default=None)
    search_refuse: int = _option("largest pageLimit of contact search; a larger one is a 422", default=500)
    profile: str = _option("limits: standard (100, 200,000 a day) or sandbox (25, 10,000 a day)", default="standard")
    requests: int | None = _option("requests an interval, instead of the profile's", default=None)
    interval_seconds: float = _option("length of the interval", default=10.0)
    daily: int | None = _option("requests a day, instead of the profile's", default=None)
    day_seconds: float = _option("length of the day", default=86_400.0)
    kind: str = _option("how requests are counted: fixed, sliding or bucket", default="fixed")
    headers: bool = _option("send the rate headers", default=True)
    retry_after: bool = _option("send Retry-After with a 429", default=False)
    count_refused: bool = _option("count refused requests too", default=False)
    latency_seconds: float = _option("time an answer takes", default=0.0)
    jitter_seconds: float = _option("by how much that varies, up or down", default=0.0)
    wrong_location_status: int = _option("403 or 401: the answer for another location", default=403)
    client_id: str = _option("client id of the first app", default="")
    client_secret: str = field(default="", repr=False, metadata={"help": "client secret of the first app"})
    redirect_uri: str = _option(
        "redirect address of the first app, several separated by commas", default="https://app.example.com/callback"
    )
    access_token_seconds: float = _option("life of an OAuth access token", default=86_399.0)
    refresh_token_seconds: float = _option("life of an unused refresh token", default=31_536_000.0)
    refresh_grace_seconds: float = _option("how long a used refresh token brings the same pair again", default=30.0)
    location_refresh_token: bool = _option("give location tokens of agencies a refresh token in v2 too", default=True)
    auth_class_status: int = _option("401 or 403: the answer to a token of the wrong class", default=401)
    consent: str = _option("what the consent page does: approve, ask or deny", default="approve")
    consent_for: str = _option("the location or company that it approves, by default the main location", default="")
    fault: list[dict[str, Any]] = field(default_factory=list, metadata={"help": "one fault as JSON, may be repeated"})


_READERS: dict[str, Any] = {"int": int, "float": float, "str": str, "int | None": int}


def parse_options(arguments: Sequence[str] | None = None) -> Options:
    """Read the options from a command line, by default that of the process; ends the process on a wrong one."""
    parser = ArgumentParser(
        prog="python -m ghl_async.sandbox",
        description="A GoHighLevel of our own on loopback. Prints one JSON line once it listens; ends on SIGTERM.",
    )
    for one in fields(Options):
        flag, meaning = "--" + one.name.replace("_", "-"), one.metadata["help"]
        if one.name == "fault":
            parser.add_argument(flag, action="append", type=_fault, default=[], metavar="JSON", help=meaning)
        elif one.type == "bool":
            parser.add_argument(flag, action=BooleanOptionalAction, default=one.default, help=meaning)
        else:
            parser.add_argument(
                flag, type=_READERS[str(one.type)], default=one.default, help=f"{meaning} ({one.default})"
            )
    return Options(**vars(parser.parse_args(arguments)))


def _fault(text: str) -> dict[str, Any]:
    return msgspec.json.decode(text, type=dict[str, Any])
