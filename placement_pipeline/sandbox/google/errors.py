"""Error answers in the Gmail API's two shapes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

_STATUS_WORDS = {
    400: ("INVALID_ARGUMENT", "invalidArgument", "Invalid argument."),
    401: ("UNAUTHENTICATED", "authError", "Invalid Credentials"),
    403: ("PERMISSION_DENIED", "forbidden", "Delegation denied"),
    404: ("NOT_FOUND", "notFound", "Requested entity was not found."),
    429: ("RESOURCE_EXHAUSTED", "rateLimitExceeded", "User-rate limit exceeded."),
    500: ("INTERNAL", "backendError", "Internal error encountered."),
    503: ("UNAVAILABLE", "backendError", "The service is currently unavailable."),
}


class GmailError(Exception):
    """A call that Gmail answers with an error."""

    def __init__(self, status: int, message: str | None = None, reason: str | None = None) -> None:
        super().__init__(message or str(status))
        self.status, self.message, self.reason = status, message, reason


class ScopeError(Exception):
    """The access token has none of the scopes that open the method."""


@web.middleware
async def answer_errors(request: web.Request, handler: Any) -> web.StreamResponse:
    """Turn what a call raises into Gmail's answer."""
    try:
        return await handler(request)  # type: ignore[no-any-return]
    except ScopeError:
        return _scope_error()
    except GmailError as error:
        return _error(error.status, error.message, error.reason)
    except web.HTTPNotFound:
        return _error(404)


def wire_error(status: int, retry_after_seconds: float | None) -> web.Response:
    """Gmail's answer when the wire, not the call, is at fault."""
    message = None
    headers = {}
    if status == 429 and retry_after_seconds is not None:
        until = datetime.now(UTC) + timedelta(seconds=retry_after_seconds)
        message = f"User-rate limit exceeded.  Retry after {until.isoformat(timespec='milliseconds')[:-6]}Z"
    if retry_after_seconds is not None:
        headers["Retry-After"] = f"{retry_after_seconds:g}"
    answer = _error(status, message)
    answer.headers.update(headers)
    return answer


def _error(status: int, message: str | None = None, reason: str | None = None) -> web.Response:
    word, usual_reason, usual_message = _STATUS_WORDS.get(status, ("UNKNOWN", "backendError", "Backend Error"))
    message = message or usual_message
    detail = {"message": message, "domain": "global", "reason": reason or usual_reason}
    if status == 401:
        detail |= {"location": "Authorization", "locationType": "header"}
        message = (
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
            "valid authentication credential."
        )
    if status == 429:
        detail["domain"] = "usageLimits"
    return web.json_response(
        {"error": {"code": status, "message": message, "errors": [detail], "status": word}}, status=status
    )


def _scope_error() -> web.Response:
    message = "Request had insufficient authentication scopes."
    detail = {"message": "Insufficient Permission", "domain": "global", "reason": "insufficientPermissions"}
    cause = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "domain": "googleapis.com",
        "metadata": {"service": "gmail.googleapis.com"},
    }
    error = {"code": 403, "message": message, "errors": [detail], "status": "PERMISSION_DENIED", "details": [cause]}
    challenge = 'Bearer realm="https://accounts.google.com/", error="insufficient_scope"'
    return web.json_response({"error": error}, status=403, headers={"WWW-Authenticate": challenge})
