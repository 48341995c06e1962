"""A caller with a key, of a tier that sees everything; unless a row says so, it comes to no quota's end."""

from collections.abc import Mapping

import httpx

from bench.system import System
from fixtures.polling import holds_soon

_PATIENCE = 60.0
_MANY = 1_000_000
_TIER = {
    "categories": [],
    "delay_seconds": 0,
    "features": ["exports", "history", "metrics", "refresh"],
    "streams": 10_000,
    "subscriptions": 100,
}


async def caller(
    started: System, port: int, tier: str = "premium", requests_per_minute: int = _MANY, name: str = "bench"
) -> Mapping[str, str]:
    """The headers of a caller whose every request is counted, made at the gateway of that port."""
    operator = {"Authorization": f"Bearer {started.operator_token}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=operator, trust_env=False) as client:
        wanted = _TIER | {"requests_per_minute": requests_per_minute}
        (await client.put(f"/v1/admin/tiers/{tier}", json=wanted)).raise_for_status()
        account = await client.post("/v1/admin/accounts", json={"name": name, "tier": tier})
        account.raise_for_status()
        made = await client.post(f"/v1/admin/accounts/{account.json()['id']}/keys", json={})
        made.raise_for_status()
        key = {"Authorization": f"Bearer {made.json()['key']}"}

        # A key holds within a second, not at once: who comes before is refused.
        async def is_taken() -> bool:
            return (await client.get("/v1/me", headers=key)).status_code == httpx.codes.OK

        if not await holds_soon(_PATIENCE, is_taken, every=0.02):
            raise RuntimeError(f"the gateway does not take a new key within {_PATIENCE:g} s")
    return key
