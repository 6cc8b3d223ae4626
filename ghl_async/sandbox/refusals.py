"""How the API says no: the envelopes of facts 5.1 and the messages of facts 2.4, 3 and 5.2."""

from __future__ import annotations

from typing import Any, Final

__all__ = [
    "EDGE_ERROR_PAGE",
    "EDGE_FORBIDDEN_PAGE",
    "Page",
    "Refusal",
    "auth_class_refused",
    "bad_request",
    "contact_not_found",
    "invalid_token",
    "route_not_opened",
    "scope_missing",
    "too_many_requests",
    "unauthorized",
    "unknown_route",
    "unprocessable",
    "wrong_location",
]

EDGE_FORBIDDEN_PAGE: Final = (  # facts 1 [blog x2]: HTML 403, "Error 1010"
    b"<!DOCTYPE html><html><head><title>Access denied</title></head><body><h1>Error 1010</h1>"
    b"<p>The owner of this website has banned your access based on your browser's signature.</p></body></html>"
)
EDGE_ERROR_PAGE: Final = (  # facts 5.2: 502/503/504 from the edge [guess]
    b"<html><head><title>%d error</title></head><body><center><h1>%d</h1></center><hr>"
    b"<center>cloudflare</center></body></html>"
)


class Refusal(Exception):
    """An answer that says no; `body` goes out as JSON with a `traceId` added."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        """Hold the status and the JSON body."""
        super().__init__(status)
        self.status = status
        self.body = body


class Page(Exception):
    """An answer that is no JSON: a page for people, or the way to another one."""

    def __init__(self, status: int, page: bytes, headers: dict[str, str] | None = None) -> None:
        """Hold the status, the HTML and headers to go with it."""
        super().__init__(status)
        self.status = status
        self.page = page
        self.headers = headers or {}


def bad_request(message: str) -> Refusal:
    """Answer 400."""
    # facts 5.1 [issue]: {message, error: "Bad Request", statusCode: 400, traceId}
    return Refusal(400, {"message": message, "error": "Bad Request", "statusCode": 400})


def unauthorized(message: str) -> Refusal:
    """Answer 401."""
    # facts 5.1 [spec] UnauthorizedDTO
    return Refusal(401, {"statusCode": 401, "message": message, "error": "Unauthorized"})


def invalid_token(token: str) -> Refusal:
    """Answer 401 for a token that is unknown, revoked or malformed."""
    # facts 2.4 [blog xN] for PITs, [blog] for the rest
    return unauthorized("Invalid Private Integration token" if token.startswith("pit-") else "Invalid JWT")


def scope_missing() -> Refusal:
    """Answer 401 for a good token without the operation's scope."""
    return unauthorized("The token is not authorized for this scope.")  # facts 2.4 [blog xN]


def route_not_opened() -> Refusal:
    """Answer 403 for a route that exists but that public tokens may not call."""
    # facts 2.4 [blog]; as 401 in [issue] #74
    message = "This route is not yet supported by the IAM Service. Please update your IAM config."
    return Refusal(403, {"statusCode": 403, "message": message, "error": "Forbidden"})


def auth_class_refused(status: int) -> Refusal:
    """Answer 401 or 403 for a good token of a company on a location's route, or the other way round."""
    message = (  # facts 2.4 [issue][blog]
        "This authClass type is not allowed to access this scope. "
        "Please verify your IAM configuration if this is not the case."
    )
    return Refusal(
        status, {"statusCode": status, "message": message, "error": "Unauthorized" if status == 401 else "Forbidden"}
    )


def wrong_location(status: int) -> Refusal:
    """Answer 403, or 401 where so configured, for a good token of another location."""
    if status == 401:  # facts 2.4 [blog], facts 16.14: which of the two is unknown
        return unauthorized("This location is not accessible from this token!")
    message = "The token does not have access to this location."  # facts 2.4 [blog x2]
    return Refusal(403, {"statusCode": 403, "message": message, "error": "Forbidden"})


def unprocessable(messages: list[str]) -> Refusal:
    """Answer 422 with a list of messages."""
    # facts 5.1 [spec]: message is a list
    return Refusal(422, {"statusCode": 422, "message": messages, "error": "Unprocessable Entity"})


def contact_not_found(contact_id: str) -> Refusal:
    """Answer 400, not 404, for an unknown, malformed or deleted contact."""
    return bad_request(f"Contact with id {contact_id} not found")  # facts 5.2 [blog x2]; `error` facts 12 [issue]


def unknown_route(method: str, path: str) -> Refusal:
    """Answer 404 for a route that does not exist."""
    return Refusal(404, {"statusCode": 404, "message": f"Cannot {method} {path}"})  # facts 5.2 [blog x2]


def too_many_requests() -> Refusal:
    """Answer 429."""
    return Refusal(429, {"statusCode": 429, "message": "Too Many Requests"})  # facts 4 [guess]
