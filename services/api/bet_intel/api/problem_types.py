"""The kinds of problems that answers name: what each means, and what to do about it."""

from typing import NamedTuple


class ProblemType(NamedTuple):
    """`statuses` are those it comes with. Its address is `/problems/` and its name."""

    name: str
    title: str
    statuses: tuple[int, ...]
    meaning: str
    remedy: str


PROBLEM_TYPES = (
    ProblemType(
        "conflict",
        "Conflict",
        (409,),
        "Another request with the same Idempotency-Key, or that writes the same thing, is under way.",
        "Ask again after the seconds in Retry-After: you get the answer of the first.",
    ),
    ProblemType(
        "content-too-large",
        "Body too large",
        (413,),
        "The body is longer than this address reads.",
        "Send less; detail says how much is read.",
    ),
    ProblemType(
        "export-too-large",
        "Too many rows",
        (422,),
        "The export would have more rows than one may have.",
        "Narrow it with filters, or take it in parts: of some events, or of a time with since and until.",
    ),
    ProblemType(
        "forbidden",
        "Forbidden",
        (403,),
        "Who asks may not do this, as things are.",
        "detail says what would have to change.",
    ),
    ProblemType(
        "http-error",
        "Request refused",
        (400, 406, 409, 410, 426),
        "The request was refused before it reached what it asks for.",
        "detail says why.",
    ),
    ProblemType(
        "idempotency-key-reused",
        "Idempotency-Key reused",
        (422,),
        "The Idempotency-Key was used for another request within a day.",
        "Take a new key for each thing you create; the same one only to send the same request again.",
    ),
    ProblemType(
        "internal",
        "Internal error",
        (500,),
        "Something went wrong on our side.",
        "Try again later. If it stays, tell us the X-Request-Id of the answer: the log has the cause under it.",
    ),
    ProblemType(
        "invalid-body",
        "Invalid body",
        (400,),
        "The body is no JSON, or not what this address expects.",
        "detail names the member and shows an example; /openapi.json has the whole schema.",
    ),
    ProblemType(
        "invalid-cursor",
        "Invalid cursor",
        (400,),
        "The cursor was not given out for this list with these filters.",
        "Follow the Link header, or repeat the filters of the page that gave next_cursor. Or start over without it.",
    ),
    ProblemType(
        "invalid-header",
        "Invalid header",
        (400,),
        "A header cannot be used as it was given; parameter names it.",
        "detail says what is expected. A Read-After is sent back exactly as it was given out.",
    ),
    ProblemType(
        "invalid-parameter",
        "Invalid query parameter",
        (400,),
        "A query parameter is unknown, repeated, or not what is expected; parameter names it.",
        "detail says what is expected, known_parameters what there is. Nothing is accepted and ignored.",
    ),
    ProblemType(
        "key-in-url",
        "Key in the address",
        (400,),
        "The address holds a key, and addresses are written to logs.",
        "Send the key in a header. Have the one that was sent replaced, by whoever administers the account.",
    ),
    ProblemType(
        "malformed-request",
        "Malformed request",
        (400,),
        "What was sent cannot be read as HTTP/1.1.",
        "Check the request line, the headers, and that the scheme is http where nothing before us speaks TLS.",
    ),
    ProblemType(
        "method-not-allowed",
        "Method not allowed",
        (405,),
        "The address is there and does not answer this method.",
        "The Allow header lists the methods that it answers.",
    ),
    ProblemType(
        "no-place",
        "No place",
        (429,),
        "As many streams or exports are under way as there may be at once: of yours, or of all at this gateway.",
        "End one of yours where detail says so; else try again after the seconds in Retry-After.",
    ),
    ProblemType(
        "not-configured",
        "Not configured",
        (503,),
        "This installation lacks what the request needs.",
        "For its operator: detail names the setting.",
    ),
    ProblemType(
        "not-found",
        "Not found",
        (404,),
        "There is nothing of that name: it never was, is kept no longer, or belongs to somebody else.",
        "detail names the list that has those that there are.",
    ),
    ProblemType(
        "other-bet",
        "Another bet",
        (409,),
        "The reference of the bet is that of another one, which is kept; this one is not.",
        "detail says which, and in what they differ; take another reference, or delete that bet and send this one.",
    ),
    ProblemType(
        "overloaded",
        "Too much at once",
        (429,),
        "This gateway answers as many requests as it can at the moment.",
        "Try again after the seconds in Retry-After, each time a little later.",
    ),
    ProblemType(
        "precondition-failed",
        "It has changed meanwhile",
        (412,),
        "What is to be changed is not what If-Match names: somebody changed it since you read it.",
        "Read it again, apply your change to what it is now, and send it with its new ETag.",
    ),
    ProblemType(
        "quota-exceeded",
        "Too many requests",
        (429,),
        "This was asked for more often than it may be.",
        "Wait for the seconds in Retry-After. Instead of asking often, follow /v1/stream.",
    ),
    ProblemType(
        "taken",
        "Already there",
        (409,),
        "There is one already with the name that was given.",
        "detail says which; take another name, or change that one.",
    ),
    ProblemType(
        "too-long",
        "Request too long",
        (414, 431),
        "The address or the headers are longer than they are read.",
        "detail says which, and how much is read.",
    ),
    ProblemType(
        "too-slow",
        "Request too slow",
        (408,),
        "The request line and the headers, or the body, did not arrive in time. Nothing was done.",
        "Send the request in one piece, with the Content-Length that its body has, and open a connection only when "
        "there is something to send.",
    ),
    ProblemType(
        "unauthorized",
        "Not authorized",
        (401,),
        "Who asks has not shown that they may.",
        "Send what the WWW-Authenticate header names; never in the address.",
    ),
    ProblemType(
        "unavailable",
        "Temporarily unavailable",
        (503,),
        "The database does not answer, or takes no writes for the moment. Nothing was tried twice.",
        "Try again after the seconds in Retry-After; a write with the same Idempotency-Key.",
    ),
    ProblemType(
        "unsupported-media-type",
        "Not JSON",
        (415,),
        "The body was not sent as JSON.",
        "Send it with Content-Type: application/json.",
    ),
)
