"""One batch of contacts: sent until each of them was in a request, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import GHLError
from ..models import ItemResult
from ._fates import ENDS_THE_WRITES
from ._verbs import Many

__all__ = ["sent_to_all"]


async def sent_to_all(verb: Many, contact_ids: Sequence[str]) -> tuple[dict[str, ItemResult], Exception | None]:
    """Give a result for each different contact, and what ends the run, if anything.

    Where a request among several fails, those behind it were not sent, and nothing speaks against them: they are sent
    as a batch of their own, as long as each time the first request goes well.

    Raises:
        GHLError: the first request of all failed.
    """
    left = list(dict.fromkeys(contact_ids))
    results: dict[str, ItemResult] = {}
    ending: Exception | None = None
    while left and ending is None:
        try:
            some = await verb.send_many(left)
        except GHLError as error:
            if not results:
                raise
            some = [ItemResult(contact_id=each, ok=False, reason=str(error), error=error) for each in left]
        results.update((each.contact_id, each) for each in some)
        ending = next((each.error for each in some if isinstance(each.error, ENDS_THE_WRITES)), None)
        left = [each.contact_id for each in some if not each.sent]
    return results, ending
