"""What can be chosen on the command line; the texts here are those of `--help`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.types import NonNegativeFloat, NonNegativeInt, Port, PositiveFloat, PositiveInt

__all__ = [
    "AgencyOptions",
    "BackfillOptions",
    "CopyOptions",
    "DoctorOptions",
    "ExportOptions",
    "LoginOptions",
    "LogoutOptions",
    "PlaceOptions",
    "PlanOptions",
    "SandboxOptions",
    "StoreOptions",
    "SyncOptions",
    "TokensOptions",
    "UpdateOptions",
    "VerifyOptions",
]

_Company = Annotated[
    str | None, Parameter(help="The agency's id; by default that of GHL_COMPANY_ID, or the only one that is stored.")
]


@dataclass(frozen=True, kw_only=True)
class TokensOptions:
    """Where tokens are kept. A token itself is never an option: a command line can be read by everybody."""

    tokens: Annotated[
        Path | None,
        Parameter(
            help="The file that keeps tokens; by default that of GHL_ASYNC_TOKENS, or one in your user data folder. "
            "Encrypted, unless its name ends in .db: then SQLite, in plain text."
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class PlaceOptions(TokensOptions):
    """Which location, where, and where its token is."""

    location_id: Annotated[
        str | None,
        Parameter(help="The location's id; by default that of GHL_LOCATION_ID, or the only one that has a token."),
    ] = None
    base_url: Annotated[
        str | None, Parameter(help="Another address of the API; by default that of GHL_BASE_URL, or the vendor's.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class StoreOptions(PlaceOptions):
    """Which copy of a location, and what is in it."""

    store: Annotated[
        Path | None, Parameter(help="The SQLite file; by default ghl-LOCATION.db in the current folder.")
    ] = None
    include: Annotated[
        str,
        Parameter(
            metavar="KINDS", help="What is copied with each contact, separated by commas; none for contacts alone."
        ),
    ] = "tasks,notes,appointments"

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is copied with each contact, not yet checked."""
        return () if self.include == "none" else tuple(kind.strip() for kind in self.include.split(","))


@dataclass(frozen=True, kw_only=True)
class CopyOptions(StoreOptions):
    """What is to be copied, and from where."""

    deleted_calendars: Annotated[
        bool,
        Parameter(
            show_default=False, help="Copy the appointments of deleted calendars too, for one request a contact."
        ),
    ] = False
    sandbox: Annotated[
        bool,
        Parameter(
            show_default=False,
            help="Take a made-up location, served by this command, and ghl-sandbox.db. Needs no account.",
        ),
    ] = False
    contacts: Annotated[
        NonNegativeInt | None, Parameter(help="With --sandbox: how many contacts it has; by default 1000.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class AgencyOptions(StoreOptions):
    """How to copy one location, or all of an agency, and what to show of it."""

    all_locations: Annotated[
        bool,
        Parameter(
            show_default=False,
            help="Copy every location of an agency that has installed the app, each into ghl-LOCATION.db; --store then "
            "names their folder. The agency's token is one from `login --oauth`.",
        ),
    ] = False
    company_id: _Company = None
    force: Annotated[
        bool,
        Parameter(
            show_default=False,
            help="Begin although the day's quota does not hold it all: stop where it ends, and go on another day.",
        ),
    ] = False
    json: Annotated[
        bool,
        Parameter(
            show_default=False,
            help='Write the summary to stdout as one JSON object; to stderr JSON lines, first {"plan": ...}, then '
            "progress.",
        ),
    ] = False
    quiet: Annotated[
        bool, Parameter(show_default=False, help="Show no plan, no progress and no summary, only what went wrong.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class BackfillOptions(CopyOptions, AgencyOptions):
    """Options of `ghl-async backfill`."""

    fresh: Annotated[
        bool, Parameter(show_default=False, help="Start over instead of going on; nothing is removed before the end.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class SyncOptions(AgencyOptions):
    """Options of `ghl-async sync`."""

    changes: Annotated[
        str | None,
        Parameter(
            metavar="FILE",
            allow_leading_hyphen=True,
            help="Add each change to this file as a line of JSON, before it is stored; - for stdout, and the summary "
            "then goes to stderr.",
        ),
    ] = None
    sweep_every: Annotated[
        NonNegativeFloat,
        Parameter(metavar="HOURS", help="How long what moves no date may go unseen; 0: look at every contact now."),
    ] = 20.0
    whole_every: Annotated[
        NonNegativeFloat,
        Parameter(metavar="DAYS", help="How long a changed task or old note may go unseen; 0: read everything now."),
    ] = 7.0


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(StoreOptions):
    """Options of `ghl-async verify`."""

    sample: Annotated[
        PositiveInt | None,
        Parameter(metavar="N", help="Compare so many stored contacts, picked at random, instead of all."),
    ] = None
    repair: Annotated[
        bool, Parameter(show_default=False, help="Read again what differs, and remove what the location has no more.")
    ] = False
    json: Annotated[
        bool,
        Parameter(
            show_default=False,
            help='Write JSON lines to stdout: each difference, and {"summary": ...} as the last; to stderr the plan '
            "and progress.",
        ),
    ] = False
    quiet: Annotated[
        bool, Parameter(show_default=False, help="Show no plan, no progress and no table, only that something differs.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class PlanOptions(CopyOptions):
    """Options of `ghl-async plan`."""

    sync: Annotated[
        bool, Parameter(show_default=False, help="Plan the next `ghl-async sync` of the store, not a backfill.")
    ] = False
    json: Annotated[bool, Parameter(show_default=False, help="Write the plan to stdout as one JSON object.")] = False


@dataclass(frozen=True, kw_only=True)
class ExportOptions(PlaceOptions):
    """Options of `ghl-async export`."""

    store: Annotated[
        Path | None, Parameter(help="The SQLite file; by default ghl-LOCATION.db in the current folder.")
    ] = None
    to: Annotated[
        Path | None,
        Parameter(help="The file to write; what it ends in says the format. By default JSON lines go to stdout."),
    ] = None
    format: Annotated[
        Literal["jsonl", "csv", "parquet"] | None, Parameter(help="The format, where the file's name does not say it.")
    ] = None
    custom_fields: Annotated[
        bool,
        Parameter(
            show_default=False,
            help="Give each custom field of contacts a column. Asks the location for their names: 1 request.",
        ),
    ] = False
    view: Annotated[
        bool,
        Parameter(
            show_default=False,
            help="With --custom-fields: also make the view contacts_with_custom_fields in the SQLite file.",
        ),
    ] = False
    raw: Annotated[
        bool, Parameter(show_default=False, help="Add the record as the server sent it, as the last column.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class UpdateOptions(PlaceOptions):
    """Options of `ghl-async update`."""

    upsert: Annotated[
        bool,
        Parameter(
            show_default=False, help="Create contacts, or change those that the location knows by e-mail or phone."
        ),
    ] = False
    leave_out: Annotated[
        str,
        Parameter(
            metavar="COLUMNS",
            help="Columns that are not to be sent, separated by commas; as in CSV, quotes hold a name with a comma.",
        ),
    ] = ""
    empty_clears: Annotated[
        bool,
        Parameter(
            show_default=False,
            help="In CSV, let an empty cell clear the field; otherwise it says nothing. A column of a field that cannot"
            " be cleared (dnd) is refused then.",
        ),
    ] = False
    replace_tags: Annotated[
        bool, Parameter(show_default=False, help="Let the column tags replace all tags of each contact.")
    ] = False
    diff: Annotated[
        bool, Parameter(show_default=False, help="Read the contacts first, and send only what is not so already.")
    ] = False
    dry_run: Annotated[
        bool, Parameter(show_default=False, help="Send nothing: say what would be sent, and what it costs.")
    ] = False
    failed: Annotated[
        Path | None, Parameter(help="Where rows that failed go, to be fed back; by default x-failed.csv beside x.csv.")
    ] = None
    ledger: Annotated[
        Path | None, Parameter(help="The file that remembers what is done; by default x.csv.ledger beside x.csv.")
    ] = None
    json: Annotated[
        bool,
        Parameter(
            show_default=False,
            help="Write the summary to stdout as one JSON object; to stderr JSON lines: progress, and what went wrong.",
        ),
    ] = False
    quiet: Annotated[
        bool, Parameter(show_default=False, help="Show no progress and no summary, only what went wrong.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class LoginOptions(PlaceOptions):
    """Options of `ghl-async login`."""

    oauth: Annotated[
        bool,
        Parameter(
            show_default=False,
            help="Log in by an app's consent page. The app is that of GHL_CLIENT_ID and GHL_CLIENT_SECRET; a missing "
            "secret is asked for.",
        ),
    ] = False
    paste: Annotated[
        bool,
        Parameter(
            show_default=False,
            help="With --oauth, and so by default: paste the address that the browser is sent to.",
        ),
    ] = False
    listen: Annotated[
        Port | None,
        Parameter(
            metavar="PORT",
            help="With --oauth, for redirect addresses such as http://localhost:PORT/...: catch the browser there.",
        ),
    ] = None
    redirect_uri: Annotated[
        str | None,
        Parameter(help="The app's redirect address, as entered at the marketplace; by default GHL_REDIRECT_URI."),
    ] = None
    scopes: Annotated[
        str | None,
        Parameter(
            help="What to ask for, separated by commas; by default what the commands that change nothing "
            "need, see `doctor`."
        ),
    ] = None
    agency: Annotated[
        bool, Parameter(show_default=False, help="With --oauth: ask for a token of the agency, for all its locations.")
    ] = False
    marketplace: Annotated[
        str | None,
        Parameter(
            help="Where the consent page is: gohighlevel, leadconnectorhq for white-label accounts, or an address; by "
            "default that of GHL_MARKETPLACE, or gohighlevel."
        ),
    ] = None
    version_id: Annotated[
        str | None, Parameter(help="The app's version; only if the consent page complains of error.noversionid.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class LogoutOptions(TokensOptions):
    """Options of `ghl-async logout`."""

    location_id: Annotated[
        str | None, Parameter(help="Whose token to forget; by default that of GHL_LOCATION_ID, or the only one's.")
    ] = None
    company_id: Annotated[
        str | None, Parameter(help="Forget an agency's tokens, those of its locations that came from them too.")
    ] = None
    all: Annotated[bool, Parameter(show_default=False, help="Forget everything that is stored.")] = False


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(PlaceOptions):
    """Options of `ghl-async doctor`."""

    company_id: _Company = None


@dataclass(frozen=True, kw_only=True)
class SandboxOptions:
    """Options of `ghl-async sandbox`; `None` leaves a limit to the profile."""

    contacts: Annotated[NonNegativeInt, Parameter(help="Contacts of the location.")] = 1000
    seed: Annotated[int, Parameter(help="Everything made up follows from it.")] = 1
    port: Annotated[Port, Parameter(help="Port to listen on, 0 for a free one.")] = 0
    profile: Annotated[
        Literal["standard", "sandbox"], Parameter(help="Limits: 100 requests and 200,000 a day, or 25 and 10,000.")
    ] = "standard"
    requests: Annotated[PositiveInt | None, Parameter(help="Requests an interval, instead of the profile's.")] = None
    interval_seconds: Annotated[PositiveFloat, Parameter(help="Length of the interval.")] = 10.0
    daily: Annotated[NonNegativeInt | None, Parameter(help="Requests a day, instead of the profile's.")] = None
    latency_seconds: Annotated[NonNegativeFloat, Parameter(help="Time an answer takes.")] = 0.0
    jitter_seconds: Annotated[NonNegativeFloat, Parameter(help="By how much that varies, up or down.")] = 0.0
    redirect_uri: Annotated[str, Parameter(help="Redirect addresses of its app, separated by commas.")] = (
        "http://localhost:8765/callback"
    )
    consent: Annotated[
        Literal["approve", "ask", "deny"], Parameter(help="What its consent page does by itself; ask lets you choose.")
    ] = "approve"
    consent_for: Annotated[str, Parameter(help="The location or agency that it approves; by default the location.")] = (
        ""
    )
    access_token_seconds: Annotated[PositiveFloat, Parameter(help="Life of an OAuth access token.")] = 86_399.0
