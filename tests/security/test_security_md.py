# SPDX-License-Identifier: Apache-2.0
"""backend/SECURITY.md names tests that exist, and each of its rows a protection that can still be taken out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from limner.server.limits import ClientLimits
from limner.server.scheduler import QueueLimits
from limner.wire import limits
from tests.security.mutate import PACKAGE, ROOT, Mutation, mutations

PAGE = ROOT / "backend" / "SECURITY.md"
_ROW = re.compile(r"^\|.*\| `(tests/[^`]+)` \| `([a-z-]+)`: [^|]+\|$", re.MULTILINE)
MUTATIONS = mutations()


def rows() -> list[tuple[str, str]]:
    """The test and the name of what was taken out, of each protection."""
    return _ROW.findall(PAGE.read_text("utf-8"))


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_the_page_names_exists() -> None:
    named = {text for text in re.findall(r"`(tests/[^`]+)`", PAGE.read_text("utf-8")) if ".py" in text}
    assert len(named) > 40
    for text in named:
        path, _, name = text.partition("::")
        assert (ROOT / path).is_file(), text
        assert not name or name in functions(ROOT / path), text


def test_every_row_has_a_mutation_of_its_own_and_every_mutation_a_row() -> None:
    assert rows() == [(mutation.test, mutation.name) for mutation in MUTATIONS]


def test_no_row_is_left_without_a_test() -> None:
    table = PAGE.read_text("utf-8").partition("## Each protection and its test")[2]
    lines = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| protection")]
    assert len(lines) == len(rows())


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_what_a_mutation_takes_out_is_there(mutation: Mutation) -> None:
    source = (ROOT / PACKAGE / mutation.path).read_text("utf-8")
    assert source.count(mutation.old) == 1
    ast.parse(source.replace(mutation.old, mutation.new))


def test_the_limits_are_those_of_the_code() -> None:
    client, queue = ClientLimits(), QueueLimits()
    text = PAGE.read_text("utf-8")
    for cells in (
        f"| one picture | {limits.MAX_SIDE} pixels a side, {limits.MAX_FRAME_BYTES >> 20} MiB |",
        f"| {limits.MAX_FRAMES} pictures, {limits.MAX_MESSAGE_BYTES >> 20} MiB, header ",
        f"| {queue.jobs_per_client} jobs, {queue.bytes_per_client >> 20} MiB |",
        f"| waiting jobs in all | {queue.bytes_in_all >> 30} GiB |",
        f"| {client.jobs_a_minute:,}, {client.jobs_at_once:,} at once |",
        f"| clients | {client.clients}, {client.clients_of_key} of one key |",
        f"| connections | {client.connections} |",
        f"| {client.handshake_s:g} s, {client.hello_s:g} s |",
    ):
        assert cells in text, cells
