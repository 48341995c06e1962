"""Every list there is: its next page, by link and by cursor, and whose cursor that is."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on
from fixtures.api_routes import PAGED, address
from fixtures.api_world import SECRETS_KEY, World, two_of_everything
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration


@pytest.fixture
async def filled(make_database: MakeDatabase) -> AsyncIterator[tuple[Gateway, World, World]]:
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(dsn, secrets_key=SecretStr(SECRETS_KEY), access="local") as gateway:
        yield gateway, *await two_of_everything(gateway)


async def by_links(gateway: Gateway, path: str) -> list[list[Any]]:
    """What each page has, as the Link headers lead, one item a page."""
    pages, where = [], f"{path}?limit=1"
    while True:
        answer = await gateway.client.get(where)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        pages.append(page["data"])
        assert len(pages) < 100, f"the pages of {path} never end"
        assert ("next" in answer.links) == (page["next_cursor"] is not None), where
        if page["next_cursor"] is None:
            return pages
        where = answer.links["next"]["url"]
        # No Host header is trusted, and the filters go on with it.
        assert where == f"{path}?limit=1&cursor={page['next_cursor']}"


async def test_every_list_leads_to_its_next_page(filled: tuple[Gateway, World, World]) -> None:
    gateway, world, _ = filled
    for operation in PAGED:
        path = address(world, operation)
        pages = await by_links(gateway, path)
        assert len(pages) > 1, f"there is but one page of {path}"
        whole = await gateway.get(path, limit=200)
        assert [item for page in pages for item in page] == whole["data"], path
        # As it is ready, where it is one that is kept.
        assert await by_links(gateway, path) == pages


async def test_a_cursor_is_of_the_list_that_gave_it_out_and_of_no_other(filled: tuple[Gateway, World, World]) -> None:
    gateway, *worlds = filled
    lists = {address(world, one) for world in worlds for one in PAGED if not one.deprecated}
    given_out = {path: (await gateway.get(path, limit=1))["next_cursor"] for path in sorted(lists)}
    assert all(given_out.values()), given_out
    taken = []
    for path, cursor in given_out.items():
        for other in given_out:
            answer = await gateway.client.get(other, params={"limit": 1, "cursor": cursor})
            told = (answer.status_code, answer.json().get("type"))
            if told != ((200, None) if path == other else (400, "/problems/invalid-cursor")):
                taken.append((path, other, told))
    assert not taken
