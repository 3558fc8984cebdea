# SPDX-License-Identifier: Apache-2.0
"""Takes each protection out, one at a time, and sees its test fail: `python -m tests.security.mutate [NAME...]`.

mutations.toml says what is taken out and which test has to notice, backend/SECURITY.md what it protects. The work is
done in a copy of the sources.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = Path("backend", "limner")
COPIED = ("backend", "tests", "plugin_krita", "plugin_gimp")
PATIENCE_S = 900.0  # for one test, on the slowest machine
TESTS_FAILED = 1  # pytest's exit status


@dataclass(frozen=True)
class Mutation:
    """One protection taken out: in `path` (below the package) `old` becomes `new`, and then `test` has to fail."""

    name: str
    path: str
    old: str
    new: str
    test: str


def mutations() -> tuple[Mutation, ...]:
    """All of mutations.toml, in its order."""
    listed = tomllib.loads(Path(__file__).with_name("mutations.toml").read_text("utf-8"))
    return tuple(Mutation(name, **values) for name, values in listed.items())


def is_noticed(mutation: Mutation) -> bool:
    """True when the test fails in a copy from which the protection was taken out."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        changed = copy / PACKAGE / mutation.path
        changed.write_text(changed.read_text("utf-8").replace(mutation.old, mutation.new), "utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutation.test],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy / "backend")},
            stdout=subprocess.DEVNULL,
            check=False,
            timeout=PATIENCE_S,
        )
    return done.returncode == TESTS_FAILED


def main(names: list[str]) -> int:
    """Tries the named mutations, or all; returns the number of those that no test noticed."""
    wanted = [mutation for mutation in mutations() if not names or mutation.name in names]
    missed = []
    for number, mutation in enumerate(wanted, start=1):
        noticed = is_noticed(mutation)
        missed += [] if noticed else [mutation.name]
        print(f"{number}/{len(wanted)}  {'noticed' if noticed else 'MISSED '}  {mutation.name}", flush=True)
    print(
        f"{len(wanted) - len(missed)} of {len(wanted)} noticed" + (f", missed: {', '.join(missed)}" if missed else "")
    )
    return len(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
