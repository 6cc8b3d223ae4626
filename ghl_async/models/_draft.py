"""What drafts and changes have in common: the bodies of creates and of updates, as people write them.

A field that is UNSET is not sent and stays as it is. None clears, in the fields whose type has None: the API takes null
there. Whether the values may be sent is checked by the operation, before it sends.
"""

from datetime import datetime
from typing import Annotated, ClassVar, TypeAlias

import msgspec

__all__ = ["Aware", "Draft"]

Aware: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
"""A datetime with a zone: it is sent with its offset."""


class Draft(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The fields of one record to be made or changed."""

    changes: ClassVar[bool] = False
    """Whether the record is there already, so that a field can be cleared."""

    def __repr__(self) -> str:
        """Show the fields that are set."""
        shown = ((name, getattr(self, name)) for name in self.__struct_fields__)
        fields = ", ".join(f"{name}={value!r}" for name, value in shown if value is not msgspec.UNSET)
        return f"{type(self).__name__}({fields})"
