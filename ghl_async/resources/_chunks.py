"""Server-side bulk: many contacts in one request, as many as the server takes, and what became of each as data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, TypeVar

import msgspec

from ..errors import BadRequest, ErrorReply, GHLError, Unprocessable
from ..models import ItemResult

__all__ = ["Chunks"]

I = TypeVar("I", bound=ItemResult)  # noqa: E741  (a result of one item)
SendChunk: TypeAlias = Callable[[Sequence[str]], Awaitable[list[I]]]
Fail: TypeAlias = Callable[[str, str], I]

_TOO_LARGE = 413
_SIZE_WORDS = ("more than", "at most", "maximum", "max ", "exceed", "too many", "too large", "limit", "no more")


class Chunks:
    """The largest number of contacts that one request may name, as far as the server has said."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._said_of_one: Sequence[str] = ()
        """How a request with a single contact was refused last: so it is not about the size, however it sounds."""

    async def run(self, ids: Sequence[str], send: SendChunk[I], fail: Fail[I]) -> list[I]:
        """Send all ids, in chunks; each once, in the order of their first place.

        A chunk that is refused for its size is halved, and the size that is taken is remembered. Another failure of the
        first chunk is raised. After that it would drop the results that are there: so it becomes the reason and the
        error of that chunk's contacts, and those that follow are not sent.

        Raises:
            GHLError: the first chunk failed; no result is lost.
        """
        most = self.most
        rest = list(dict.fromkeys(ids))
        results: list[I] = []
        while rest:
            chunk = rest[:most]
            try:
                results += await send(chunk)
            except GHLError as error:
                said = error.messages if isinstance(error, ErrorReply) else ()
                if len(chunk) > 1 and _is_about_size(error) and (not said or said != self._said_of_one):
                    most = len(chunk) // 2
                    continue
                if len(chunk) == 1:
                    self._said_of_one = said
                if not results:
                    raise
                results += [msgspec.structs.replace(fail(each, str(error)), error=error) for each in chunk]
                not_sent = f"not sent, because the request before failed: {error}"
                return results + [
                    msgspec.structs.replace(fail(each, not_sent), sent=False) for each in rest[len(chunk) :]
                ]
            self.most = min(self.most, most)  # only now: a refusal may sound like one of the size and be none
            del rest[: len(chunk)]
        return results


def _is_about_size(error: GHLError) -> bool:
    if isinstance(error, ErrorReply) and error.status == _TOO_LARGE:
        return True
    if not isinstance(error, BadRequest | Unprocessable):
        return False
    said = " ".join(error.messages).lower()
    return any(words in said for words in _SIZE_WORDS)
