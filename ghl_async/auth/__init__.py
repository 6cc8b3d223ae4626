"""Who may call: tokens, where they are kept, how they are got and renewed.

    PrivateToken        a private integration token that can be replaced while everything runs
    App, OAuthClient    a login with OAuth, and what it brings
    StoredToken         a token from a store, renewed in time by one of all who share it
    Agency              all locations of a company: a token and a quota each, one pool of connections
    MemoryStore, SQLiteTokenStore, EncryptedFileStore    where tokens are kept

A token given as text to `GHLClient` needs none of them.
"""

from .agency import Agency, InstalledLocation
from .app import App, Authorization, Scope
from .oauth import Grant, OAuthClient
from .private import PrivateToken, Probe
from .source import StoredToken
from .stores import EncryptedFileStore, MemoryStore, SQLiteTokenStore
from .tokens import PRIVATE, Key, Tokens, TokenStore

__all__ = [
    "PRIVATE",
    "Agency",
    "App",
    "Authorization",
    "EncryptedFileStore",
    "Grant",
    "InstalledLocation",
    "Key",
    "MemoryStore",
    "OAuthClient",
    "PrivateToken",
    "Probe",
    "SQLiteTokenStore",
    "Scope",
    "StoredToken",
    "TokenStore",
    "Tokens",
]
