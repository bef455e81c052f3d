# make demo    the whole job on networks it trains and images that ship with scikit-learn; ends with  report  PATH
# make test    linters, types and tests; no GPU, no network beyond the package registry
# make test-all, make test-native-sanitized, make bench    the long ones
# Each sets up .venv on its own and skips what is already done.

PYTHON ?= python3
BIN := .venv/bin
# Two files of tests at a time; a file's tests share what they set up.
BESIDE := -n 2 --dist loadfile
export PIP_DISABLE_PIP_VERSION_CHECK := 1
NATIVE := CMakeLists.txt $(wildcard src/toposcope/*/native/*)

.PHONY: demo test test-all lint types bench clean

demo: .venv/demo.done
	$(BIN)/toposcope demo

test: .venv/test.done lint types
	$(BIN)/python -m pytest $(BESIDE)

test-all: .venv/test.done lint types
	$(BIN)/python -m pytest -m "" --timeout 1800 $(BESIDE)

lint: .venv/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/test.done
	$(BIN)/mypy

bench: .venv/test.done
	$(BIN)/pip install --quiet --editable '.[benchmark]'
	$(BIN)/python benchmarks/bench_extract.py
	$(BIN)/python benchmarks/bench_rips.py
	$(BIN)/python benchmarks/bench_points.py
	$(BIN)/python benchmarks/bench_distances.py

.venv/created.done:
	$(PYTHON) -m venv .venv
	touch $@


.venv/demo.done: .venv/created.done pyproject.toml $(NATIVE)
	$(BIN)/pip install --quiet --editable '.[torch]'
	touch $@

.venv/test.done: .venv/created.done pyproject.toml $(NATIVE)
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

include native.mk

clean:
	rm -rf .venv build dist runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
