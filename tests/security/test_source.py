# SPDX-License-Identifier: Apache-2.0
"""What the code must never do, read from the code itself: unpickle, run text, trust the wall clock, compare secrets."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import limner

PACKAGE = Path(limner.__file__).parent
PLUGINS = [path for path in (PACKAGE.parent.parent / name for name in ("plugin_krita", "plugin_gimp")) if path.is_dir()]
SOURCES = sorted(path for folder in (PACKAGE, *PLUGINS) for path in folder.rglob("*.py"))

PICKLERS = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib", "jsonpickle"}
PROCESS_POOLS = {"multiprocessing", "concurrent.futures.process"}  # their messages are pickles
RUNNERS = {"eval", "exec", "compile", "__import__"}
RUNNING = ("server", "wire", "client", "pipelines", "models", "imaging")  # what a backend consists of
WALL_CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.datetime.now", "date.today"}
SECRETS = {"token", "secret", "_secret", "_token"}


def dotted(node: ast.AST) -> str:
    """ "a.b.c" for such an expression; "?" stands for what is no name."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def calls(tree: ast.AST) -> Iterator[tuple[str, dict[str, object]]]:
    """The name and the constant keyword arguments of each call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            constants = {k.arg: k.value.value for k in node.keywords if k.arg and isinstance(k.value, ast.Constant)}
            yield dotted(node.func), constants


def unpickling(tree: ast.AST) -> list[str]:
    found = [name for name in imported(tree) if name.split(".")[0] in PICKLERS]
    for name, constants in calls(tree):
        if name.endswith("torch.load") and constants.get("weights_only") is not True:
            found.append("torch.load without weights_only=True")
        if name.split(".")[-1] in {"load", "open_memmap"} and constants.get("allow_pickle"):
            found.append(f"{name} with allow_pickle")
        if name in {"pd.read_pickle", "pandas.read_pickle", "torch.package.PackageImporter"}:
            found.append(name)
        if name == "yaml.load" or name in RUNNERS:
            found.append(name)
    return found


def test_the_search_finds_what_it_looks_for() -> None:
    bad = (
        *("import pickle", "from pickle import loads", "import dill as safe", "import cloudpickle.x", "eval(text)"),
        *("torch.load(p)", "torch.load(p, weights_only=False)", "np.load(p, allow_pickle=True)", "yaml.load(text)"),
    )
    good = ("torch.load(p, weights_only=True)", "np.load(p)", "re.compile(x)", "network.to(device).eval()")
    assert all(unpickling(ast.parse(text)) for text in bad)
    assert not any(unpickling(ast.parse(text)) for text in good)
    assert list(wall_clocks(ast.parse("def f(clock: Clock = time.time): pass")))
    assert list(wall_clocks(ast.parse("from time import time")))
    assert list(plain_comparisons(ast.parse("if message.token == self._token: pass")))
    assert list(plain_comparisons(ast.parse("ok = frames[1] != self._secret")))
    assert len(SOURCES) > 100


def test_nothing_is_unpickled_and_no_text_is_run() -> None:
    for path in SOURCES:
        assert not unpickling(ast.parse(path.read_text("utf-8"))), path


def running_sources() -> list[Path]:
    return [path for path in SOURCES if path.is_relative_to(PACKAGE) and path.relative_to(PACKAGE).parts[0] in RUNNING]


def test_what_runs_in_the_backend_talks_to_no_process_in_pickles() -> None:
    for path in running_sources():
        found = PROCESS_POOLS.intersection(imported(ast.parse(path.read_text("utf-8"))))
        assert not found, path


def wall_clocks(tree: ast.AST) -> Iterator[str]:
    """What is called, handed on or imported of them."""
    names = (dotted(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    yield from (name for name in (*names, *imported(tree)) if name in WALL_CLOCKS)


def test_no_decision_depends_on_the_wall_clock() -> None:
    """A clock that is set while the backend runs changes nothing: all waits are measured by the monotonic one."""
    for path in running_sources():
        assert not list(wall_clocks(ast.parse(path.read_text("utf-8")))), path


def plain_comparisons(tree: ast.AST) -> Iterator[int]:
    """Lines that compare something named like a secret with == or !=, which takes longer the more of it is right."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(item, (ast.Eq, ast.NotEq, ast.In)) for item in node.ops):
            sides = [dotted(side).split(".")[-1] for side in (node.left, *node.comparators)]
            if SECRETS.intersection(sides):
                yield node.lineno


def test_no_secret_is_compared_in_a_time_that_depends_on_it() -> None:
    for path in running_sources():
        assert not list(plain_comparisons(ast.parse(path.read_text("utf-8")))), path
