# SPDX-License-Identifier: Apache-2.0
"""`limner doctor`: is everything there that Limner needs, and what to do where it is not."""

from __future__ import annotations

import json

from limner.cli.failures import Failure
from limner.cli.options import Json
from limner.cli.progress import bar

MARKS = {"ok": "ok  ", "note": "note", "problem": "FAIL"}


def doctor(as_json: Json = False) -> None:
    """Check the installation: Python, device, weights, backend, plugins. Exit status 1 when something is wrong."""
    from limner.cli.checks import CHECKS, PROBLEM, Check

    with bar("Checking") as shown:
        found: list[Check] = []
        for number, check in enumerate(CHECKS):
            shown.update(fraction=number / len(CHECKS))
            found.extend(check())
    problems = [item for item in found if item.state == PROBLEM]
    if as_json:
        print(json.dumps({"ok": not problems, "checks": [item.to_map() for item in found]}))
    else:
        for item in found:
            print(f"{MARKS[item.state]}  {item.area:<9} {item.text}")
            if item.remedy:
                print(f"{'':<16}-> {item.remedy}")
    if problems:
        first = problems[0]
        more = f" ({len(problems) - 1} more above)" if len(problems) > 1 else ""
        raise Failure(f"{first.text}{more}", first.remedy)
