"""`/v1/admin/pricing/{profile}`: how prices are judged, as a document with a revision."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api import date_format, write_store
from bet_intel.api.administration import Administration, Done
from bet_intel.api.answers import PricingDocument
from bet_intel.api.bodies import check_json, decoded, received
from bet_intel.api.domain.accounts import ADMIN
from bet_intel.api.domain.pricing import PROFILES, PricingSettings, Profile
from bet_intel.api.operation import JSON, NoParameters, Operation, Reads
from bet_intel.api.problems import BodyError, NotFoundError, PreconditionError
from bet_intel.api.query import ReadQuery, parse
from bet_intel.api.read_model import Record
from bet_intel.api.telling import pricing_settings_changed
from bet_intel.api.writes import Written
from bet_intel.shared.outbox import UnitOfWork
from bet_intel.shared.postgres import Reader
from bet_intel.shared.times import Clock, to_us

_PATH = "/v1/admin/pricing/{profile}"
_EXAMPLE = '{"method": "shin", "take_ev": 0.05, "bookmakers": {"circa": {"weight": 3, "sharp": true}}}'
_PROFILE = {"profile": "Pricing profile."}
_LONGEST = 262_144


def operations(reads: Reads, administration: Administration, clock: Clock) -> tuple[Operation, ...]:
    async def show(request: Request) -> Response:
        asked = parse(request.url.query, ReadQuery)
        profile = _profile(request.path_params)

        async def read(connection: Reader) -> PricingDocument:
            return _document(profile, await write_store.pricing(connection, profile))

        document = await reads.once(request, read)
        return Response(date_format.encoded(document, asked.times), 200, {"ETag": _etag(document.revision)}, JSON)

    async def put(request: Request) -> Response:
        parse(request.url.query, NoParameters)
        profile = _profile(request.path_params)
        check_json(request)
        settings = decoded(await received(request, _LONGEST), PricingSettings, _EXAMPLE)
        if contradiction := settings.contradiction(profile):
            raise BodyError(f"The body cannot be used: {contradiction}.")

        async def change(unit: UnitOfWork) -> Done:
            await write_store.lock_pricing(unit.connection)
            stored = _document(profile, await write_store.pricing(unit.connection, profile))
            expected = request.headers.get("if-match", "*").strip()
            if expected not in ("*", _etag(stored.revision)):
                raise PreconditionError(
                    f"The settings are at revision {stored.revision} now: read them again, and change what they are."
                )
            document, act = stored, ""
            # The same again changes nothing, and prices nothing anew.
            if settings != stored.settings or not stored.revision:
                now = clock()
                document = PricingDocument(profile, max(stored.revision + 1, to_us(now)), now, settings)
                encoded = msgspec.json.encode(settings)
                await write_store.put_pricing(unit.connection, profile, document.revision, encoded, now)
                unit.append(pricing_settings_changed(profile, document.revision, settings, now))
                act = "pricing.changed"
            written = Written(200, document, headers={"ETag": _etag(document.revision)})
            return Done(written, act, profile, {"revision": document.revision})

        return await administration.run(request, change)

    operator = "For administrators. "
    return (
        Operation(
            _PATH,
            "getPricing",
            "administration",
            "How prices are judged",
            show,
            f"{operator}Revision 0 stands for the starting values.",
            query=ReadQuery,
            path_parameters=_PROFILE,
            answer=PricingDocument,
            problems=(400, 401, 403, 404, 503),
            need=ADMIN,
        ),
        Operation(
            _PATH,
            "putPricing",
            "administration",
            "Judge prices by other settings",
            put,
            f"{operator}The whole document: what it does not name has its starting value. Every open event is priced "
            "anew, and its opportunities carry the document's revision. Refused where nothing could be judged or "
            "placed with what is given and the starting values of the rest: a lowest_probability that is not below "
            "highest_probability, in an override too, or a stake of less than one stake_step, that of a bookmaker too.",
            path_parameters=_PROFILE,
            answer=PricingDocument,
            problems=(400, 401, 403, 404, 412, 413, 415, 503),
            method="PUT",
            body=PricingSettings,
            headers={"If-Match": "ETag of the document that is to be replaced: 412 if it is another by now."},
            need=ADMIN,
        ),
    )


def _profile(path: Mapping[str, str]) -> Profile:
    for profile in PROFILES:
        if profile == path["profile"]:
            return profile
    raise NotFoundError(f"There is no pricing profile of that name, only {', '.join(PROFILES)}.")


def _document(profile: str, row: Record | None) -> PricingDocument:
    if row is None:
        return PricingDocument(profile, 0, None, PricingSettings())
    updated_at: datetime = row["updated_at"]
    return PricingDocument(
        profile, row["revision"], updated_at, msgspec.json.decode(row["settings"], type=PricingSettings)
    )


def _etag(revision: int) -> str:
    return f'"{revision}"'
