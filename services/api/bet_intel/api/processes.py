"""The processes of the api service."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from bet_intel.api.app import Api, open_api
from bet_intel.api.server import THIS_MACHINE, PortError, listen, serve, take_what_has_gathered
from bet_intel.api.settings import ApiSettings
from bet_intel.shared.engines import Engines
from bet_intel.shared.entry import load, owner_dsn
from bet_intel.shared.migrate import migrations_of
from bet_intel.shared.process import Opened, ProcessType, Service, StartError
from bet_intel.shared.runtime import TaskGroup


class ServeSettings(BaseSettings):
    """Where the gateway listens."""

    model_config = SettingsConfigDict(env_prefix="BET_INTEL_API_")

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    trusted_proxies: str = THIS_MACHINE
    """Addresses and networks, with commas, that may say whom a request is from: nginx's."""


@asynccontextmanager
async def _open(engines: Engines) -> AsyncIterator[Opened]:
    async with open_api(load(ApiSettings), engines) as api:
        yield Opened(api.run, [api.outbox.redrive])


@asynccontextmanager
async def _serving(engines: Engines) -> AsyncIterator[Opened]:
    settings = load(ServeSettings)
    try:
        listening = listen(settings.host, settings.port)
    except PortError as error:
        raise StartError(str(error).replace("--port", "BET_INTEL_API_PORT")) from error
    take_what_has_gathered()
    async with open_api(load(ApiSettings), engines) as api:
        yield Opened(lambda: _serve(api, listening, settings.trusted_proxies))


async def _serve(api: Api, listening: socket.socket, trusted_proxies: str) -> None:
    async with TaskGroup() as group:
        background = group.create_task(api.run(), name="api")
        serving = group.create_task(serve(api, listening, trusted_proxies=trusted_proxies), name="http")
        try:
            await asyncio.wait({background, serving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Readers first: what the gateway answers from must not be gone before it.
            serving.cancel()
            await asyncio.wait({serving})
            background.cancel()


SERVICE = Service(
    "api",
    [ApiSettings, ServeSettings],
    lambda: owner_dsn(ApiSettings),
    migrations_of("bet_intel.api"),
    {
        "consume": ProcessType("keeps the read model", _open, consumes=True),
        "serve": ProcessType("answers HTTP", _serving),
    },
    lambda: load(ApiSettings).database_wait,
)
