"""What docs/operations/runbooks/upgrade.md has an operator type, typed in its order in one shell: each command works on
the new version's images, and so does what is typed in another shell later; gateways are there all the time."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from deploy.composing import MAIN, rendered
from deploy.faults import PROJECT
from deploy.three_hosts import THREE
from fixtures.typed_pages import REVISION, Desk, typed

_PAGE = (PROJECT / "docs/operations/runbooks/upgrade.md").read_text("utf-8")
_ONE_HOST, _, _REST = _PAGE.partition("\n## Three hosts\n")
_THREE_HOSTS = _REST.partition("\n## ")[0]
_WHICH_VERSION = "\n".join(re.findall(r"^ {4}(.*)$", _ONE_HOST, re.MULTILINE))
_VERSION = re.compile(r"BET_INTEL_VERSION=([0-9.]+)")


@pytest.fixture(scope="module")
def upgraded(desk: Desk) -> Desk:
    """Where four gateways ran, by the page."""
    desk.begin()
    desk.type(f"echo SCALE_API=4 >>compose/.env\ndocker compose -f {MAIN} up -d --no-recreate")
    desk.forget()
    desk.type(typed(_ONE_HOST))
    return desk


def test_every_command_works_on_the_new_images(upgraded: Desk) -> None:
    [version, *others] = _VERSION.findall(_PAGE)
    assert others == []
    assert {"build", "run", "up"} <= {verb for verb, _ in upgraded.renderings()}
    assert {verb: _tags(made) for verb, made in upgraded.renderings()} == {
        verb: {version} for verb, _ in upgraded.renderings()
    }
    # A command of another page, in another shell.
    assert _tags(rendered(upgraded.root, "-f", MAIN)) == {version}


def test_images_say_which_version_and_revision_they_are_of(upgraded: Desk) -> None:
    [version] = _VERSION.findall(_PAGE)
    [build] = [made for verb, made in upgraded.renderings() if verb == "build"]
    labels = [one["build"]["args"] for one in _ours(build)]
    assert labels
    assert [one for one in labels if one != {"VERSION": version, "REVISION": REVISION}] == []


def test_as_many_gateways_as_before_answer_all_the_time_and_one_begins_at_a_time(upgraded: Desk) -> None:
    [version] = _VERSION.findall(_PAGE)
    docker = upgraded.docker()

    assert [one.image for one in docker.of("api")] == [f"bet-intel/api:{version}"] * 4
    assert {running["api"] for event in docker.events for running in event["running"]} == {4, 5}


def test_on_three_hosts_each_replaces_its_gateway_where_it_is(desk: Desk) -> None:
    [version] = _VERSION.findall(_PAGE)
    desk.begin(as_="compose/hosts/2.env", beside=(THREE,))
    before = {one.number for one in desk.docker().containers}
    desk.forget()

    desk.type(f"{_WHICH_VERSION}\n{typed(_THREE_HOSTS)}")

    assert {one.image for one in desk.docker().of("api")} == {f"bet-intel/api:{version}"}
    ours = [one for one in desk.docker().containers if one.image.startswith("bet-intel/")]
    assert [one.service for one in ours if one.number in before] == []
    assert [verb for verb, made in desk.renderings() if not made["networks"]["inside"].get("external")] == []


def _ours(made: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (one for one in made["services"].values() if one["image"].startswith("bet-intel/"))


def _tags(made: Mapping[str, Any]) -> set[str]:
    return {one["image"].partition(":")[2] for one in _ours(made)}
