"""`/docs` and `/problems`: what people read, without anything from another host."""

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest

from fixtures.api_gateway import Gateway, served

__all__ = ["served"]

pytestmark = pytest.mark.integration

BROWSER = shutil.which("chromium")


async def test_the_page_loads_nothing_from_elsewhere(served: Gateway) -> None:
    page = await served.client.get("/docs")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in page.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert [one for one in loaded if "//" in one] == []
    for name, media_type in (("swagger-ui.css", "text/css"), ("swagger-ui.js", "text/javascript"), ("start.js", "")):
        assert f"docs/{name}" in loaded
        asset = await served.client.get(f"/docs/{name}")
        assert asset.status_code == 200
        assert asset.headers["content-type"].startswith(media_type)
        assert asset.headers["content-encoding"] == "gzip"
        plain = await served.client.get(f"/docs/{name}", headers={"Accept-Encoding": "identity"})
        assert ("content-encoding" not in plain.headers, plain.content) == (True, asset.content)
        again = await served.client.get(f"/docs/{name}", headers={"If-None-Match": asset.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert (await served.client.get("/docs/..%2fapp.py")).status_code == 404
    await served.problem("/docs/passwd", 404)


@pytest.mark.skipif(BROWSER is None and not os.environ.get("CI"), reason="chromium is not installed")
async def test_a_browser_shows_every_operation_and_breaks_no_rule_of_the_page(served: Gateway, tmp_path: Path) -> None:
    assert BROWSER is not None, "chromium is not installed"
    process = await asyncio.create_subprocess_exec(
        BROWSER,
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"),
        *(f"--user-data-dir={tmp_path}", "--virtual-time-budget=20000", "--dump-dom", f"{served.client.base_url}/docs"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(90):
            dom, log = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    document = await served.get("/openapi.json")
    operations = sum(len(of_path) for of_path in document["paths"].values())
    said = [line for line in log.decode(errors="replace").splitlines() if "CONSOLE" in line]
    assert said == [], said
    assert dom.decode().count('class="opblock-summary-method"') == operations


async def test_a_problem_leads_to_what_it_means(served: Gateway) -> None:
    problem = await served.problem("/v1/opportunities?limit=0", 400)
    told = await served.get(problem["type"])
    assert (told["type"], told["title"]) == (problem["type"], problem["title"])
    assert told["meaning"]
    assert told["remedy"]
    page = await served.client.get(problem["type"], headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<h1>{problem['title']}</h1>" in page.text
    assert problem["type"] in [one["type"] for one in (await served.get("/problems"))["data"]]
    assert "problems/invalid-parameter" in (await served.client.get("/problems", headers={"Accept": "text/html"})).text
    await served.problem("/problems/unheard-of", 404)


async def test_old_addresses_answer_and_say_where_to_go(served: Gateway) -> None:
    for old, new, method in (
        ("/api/opportunities", "/v1/opportunities", "GET"),
        ("/api/opportunities/refresh", "/v1/refresh", "POST"),
        ("/health", "/readyz", "GET"),
    ):
        answers = [await served.client.request(method, path) for path in (old, new)]
        assert answers[0].status_code == answers[1].status_code < 300
        assert re.fullmatch(r"@\d{10}", answers[0].headers["deprecation"])
        assert answers[0].headers["link"] == f'<{new}>; rel="successor-version"'
        assert "deprecation" not in answers[1].headers
        if method == "GET":
            assert answers[0].json() == answers[1].json()
    document = await served.get("/openapi.json")
    assert document["paths"]["/api/opportunities"]["get"]["deprecated"] is True


async def test_old_addresses_say_where_to_go_in_problems_too(served: Gateway) -> None:
    wrong_key = {"Authorization": "Bearer nobody's"}
    problems = [
        await served.client.get("/api/opportunities?sprot=soccer"),
        await served.client.get("/api/opportunities", headers=wrong_key),
        await served.client.delete("/api/opportunities"),
    ]
    assert [problem.status_code for problem in problems] == [400, 401, 405]
    for problem in problems:
        assert re.fullmatch(r"@\d{10}", problem.headers["deprecation"])
        assert problem.headers["link"] == '</v1/opportunities>; rel="successor-version"'
