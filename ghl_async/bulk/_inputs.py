"""The inputs of a bulk write, in chunks, from whatever they are given as; read, digested and checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from typing import Any, TypeAlias

import msgspec

from ..errors import GHLError, UsageError
from ._verbs import Input, Verb

__all__ = ["CHUNK", "Inputs", "checked_source", "chunks", "read"]

Inputs: TypeAlias = Iterable[Any] | AsyncIterable[Any]

CHUNK = 500
"""Inputs that are checked before the first of them is written."""
PATIENCE_SECONDS = 0.5
"""How long a chunk that has begun waits for its next input: a slow source is written as it comes."""
_BREATH_SECONDS = 0.01
_DIGEST_BYTES = 16
_END: Any = object()


def checked_source(inputs: object) -> Inputs:
    """The source.

    Raises:
        UsageError: it cannot be gone through, or is one text or mapping instead of several inputs.
    """
    is_several = isinstance(inputs, Iterable | AsyncIterable) and not isinstance(inputs, str | bytes | Mapping)
    if not is_several:
        raise UsageError(f"the inputs must be an iterable or async iterable, not {type(inputs).__name__}")
    return inputs  # type: ignore[return-value]  # the line above looked


async def chunks(source: Inputs) -> AsyncGenerator[list[Any], None]:
    """Chunks of a source, full ones where it keeps up. A short one says that it is slow, or ended."""
    several = _waited_for(aiter(source)) if isinstance(source, AsyncIterable) else _gone_through(source)
    async with aclosing(several):
        async for chunk in several:
            yield chunk


async def _gone_through(source: Iterable[Any]) -> AsyncGenerator[list[Any], None]:
    clock = asyncio.get_running_loop().time
    chunk: list[Any] = []
    begun = yielded = clock()
    for item in source:
        chunk.append(item)
        if (now := clock()) > yielded + _BREATH_SECONDS:
            await asyncio.sleep(0)  # a slow source gives the others their turn between its items
            yielded = clock()
        if len(chunk) == CHUNK or now > begun + PATIENCE_SECONDS:
            yield chunk
            await asyncio.sleep(0)
            chunk = []
            begun = yielded = clock()
    if chunk:
        yield chunk


async def _waited_for(iterator: AsyncIterator[Any]) -> AsyncGenerator[list[Any], None]:
    coming = _Coming(iterator)
    try:
        while not coming.is_over:
            chunk: list[Any] = []
            until = None
            while len(chunk) < CHUNK and await coming.arrives(until):
                chunk.append(coming.take())
                until = until or asyncio.get_running_loop().time() + PATIENCE_SECONDS
            if chunk:
                yield chunk
    finally:
        await coming.close()


class _Coming:
    """The next item of a stream, which can be waited for with patience."""

    def __init__(self, iterator: AsyncIterator[Any]) -> None:
        self._iterator = iterator
        self._pending: asyncio.Task[Any] | None = None
        self.is_over = False

    async def arrives(self, until: float | None) -> bool:
        """Whether there is one, by that moment of the loop's clock."""
        if self._pending is None:
            self._pending = asyncio.create_task(self._next())
        patience = None if until is None else max(0.0, until - asyncio.get_running_loop().time())
        await asyncio.wait((self._pending,), timeout=patience)
        if not self._pending.done():
            return False
        self.is_over = self._pending.exception() is None and self._pending.result() is _END
        return not self.is_over

    def take(self) -> Any:
        """Hand it out, once it has arrived; or raise what the stream raises."""
        task, self._pending = self._pending, None
        return None if task is None else task.result()

    async def close(self) -> None:
        """Wait for nothing any more."""
        if self._pending is not None:
            self._pending.cancel()
            await asyncio.wait((self._pending,))

    async def _next(self) -> Any:
        return await anext(self._iterator, _END)


async def read(verb: Verb, position: int, item: Any) -> Input:
    """Read and check one input; one that is wrong says so in its `fault`."""
    # Of the input alone: what is wrong today may be right tomorrow, when the location has the custom field.
    digest = _digest(item)
    contact_id = record_id = given = body = fault = None
    if isinstance(item, UsageError):
        fault = item  # whoever made the inputs could make nothing of this one
    else:
        try:
            contact_id, record_id, given = verb.take(item)
            body = await verb.check(contact_id, given)
        except UsageError as error:
            fault = error
        except GHLError:
            raise  # it is none of this input's: what the check needs cannot be read
        except Exception as error:  # noqa: BLE001 - whatever an input does to its check, the others go on
            fault = UsageError(f"it cannot be checked: {type(error).__name__}: {error}")
    return Input(
        position=position,
        digest=digest,
        contact_id=contact_id,
        record_id=record_id,
        given=given,
        body=body,
        fault=fault,
    )


def _digest(given: Any) -> bytes:
    try:
        content = msgspec.json.encode(given, enc_hook=_anything, order="sorted")
    except (TypeError, ValueError, RecursionError):
        content = type(given).__name__.encode()  # it cannot be sent either
    return blake2b(content, digest_size=_DIGEST_BYTES).digest()


def _anything(value: object) -> object:
    """Stand in for what msgspec does not encode: of a class that somebody made of text or a number, what is sent."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal | UsageError):
        return str(value)
    return dict(value) if isinstance(value, Mapping) else type(value).__name__
