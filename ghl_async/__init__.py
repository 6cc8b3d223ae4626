"""An asyncio SDK for the GoHighLevel (GHL) Contacts API, with bulk helpers that copy whole locations.

    from ghl_async import GHLClient

    async with GHLClient(token, location_id=location_id) as ghl:
        contact = await ghl.contacts.get(contact_id)

The names below are what nearly everyone needs; the rest stands in the submodules. Each is imported when it is first
asked for, so `import ghl_async` alone is cheap and loads neither aiohttp nor msgspec.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from . import bulk
    from .client import GHLClient
    from .errors import (
        DailyQuotaExhausted,
        DuplicateContact,
        GHLError,
        NotFound,
        OutcomeUnknown,
        RateLimited,
        UsageError,
    )
    from .models import ContactQuery
    from .wire.limiter import Quota
    from .wire.retry import RetryPolicy

__all__ = [
    "ContactQuery",
    "DailyQuotaExhausted",
    "DuplicateContact",
    "GHLClient",
    "GHLError",
    "NotFound",
    "OutcomeUnknown",
    "Quota",
    "RateLimited",
    "RetryPolicy",
    "UsageError",
    "__version__",
    "bulk",
]

_HOMES = {
    "ContactQuery": ".models",
    "DailyQuotaExhausted": ".errors",
    "DuplicateContact": ".errors",
    "GHLClient": ".client",
    "GHLError": ".errors",
    "NotFound": ".errors",
    "OutcomeUnknown": ".errors",
    "Quota": ".wire.limiter",
    "RateLimited": ".errors",
    "RetryPolicy": ".wire.retry",
    "UsageError": ".errors",
}
"""Where each lazy name lives."""


if not TYPE_CHECKING:  # a type checker that saw this would take every misspelt name for Any

    def __getattr__(name: str) -> Any:
        """Import a public name on first use (PEP 562) and keep it, so that the next use costs nothing."""
        if name == "bulk":
            return import_module(".bulk", __name__)
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_HOMES[name], __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """List the public names, those not imported yet included."""
    return sorted({*globals(), *__all__})
