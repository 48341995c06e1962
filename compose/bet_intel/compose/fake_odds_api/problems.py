"""The errors of The Odds API, as it sends them."""

from typing import Any

_DETAILS = "https://the-odds-api.com/liveapi/guides/v4/api-error-codes.html#"


class ApiError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        details = _DETAILS + self.code.lower().replace("_", "-")
        return {"message": self.message, "error_code": self.code, "details_url": details}


def invalid(code: str, message: str) -> ApiError:
    """A parameter that the service refuses."""
    return ApiError(422, code, message)
