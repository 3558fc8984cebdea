# SPDX-License-Identifier: Apache-2.0
# Everything a newcomer needs:  make demo   make test
# PYTHON=/path/to/python3 chooses the interpreter that .venv is made with; TESTS=... what pytest runs.

SHELL := /bin/sh
BIN := .venv/bin
TESTS ?=

.PHONY: help demo test lint format wheel clean

help:
	@echo "make demo    install Limner into .venv and turn the example sketches into portraits (demo-output/)"
	@echo "make test    install everything and run the whole test suite"
	@echo "make lint    ruff and mypy only        make format  let ruff format the code"
	@echo "make wheel   build dist/*.whl          make clean   remove what was made, .venv included"

demo:
	@sh .ci/bootstrap
	@$(BIN)/python -m limner.cli.demo demo-output

test:
	@sh .ci/bootstrap dev,train
	@sh .ci/test $(TESTS)

lint:
	@sh .ci/bootstrap dev,train
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format:
	@sh .ci/bootstrap dev,train
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel:
	@sh .ci/bootstrap dev,train
	$(BIN)/python -m build --wheel --no-isolation .

clean:
	@if [ -x $(BIN)/python ]; then $(BIN)/python .ci/stop_own.py .venv || true; fi
	rm -rf .venv dist build demo-output .pytest_cache .mypy_cache .ruff_cache .hypothesis
