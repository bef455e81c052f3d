# make demo    the whole job on networks it trains and images that ship with scikit-learn; ends with  report  PATH
# make test    linters, types and tests; no GPU, no network beyond the package registry
# make docs    the documentation, in docs/_build/html; its code is executed, and a warning is an error
# make test-all, make test-native-sanitized, make bench    the long ones
# make calibration    what the statistics promise, simulated; writes benchmarks/calibration.md and coverage.md
# make test-core, make test-lowest    with nothing but the core installed: as new, and as old, as pyproject.toml allows
# make audit ADVISORIES=PATH    what is installed against a downloaded advisory database, without a network
# Each sets up .venv on its own and skips what is already done.

PYTHON ?= python3
BIN := .venv/bin
# Two files of tests at a time; a file's tests share what they set up.
BESIDE := -n 2 --dist loadfile
export PIP_DISABLE_PIP_VERSION_CHECK := 1
NATIVE := CMakeLists.txt $(wildcard src/toposcope/*/native/*)

.PHONY: demo test test-all test-core test-lowest audit lint types docs bench calibration clean

demo: .venv/demo.done
	$(BIN)/toposcope demo

test: .venv/test.done lint types
	$(BIN)/python -m pytest $(BESIDE)

test-all: .venv/test.done lint types
	$(BIN)/python -m pytest -m "" --timeout 1800 $(BESIDE)

CORE := pytest pytest-timeout hypothesis
test-core: .venv-core/test.done
	.venv-core/bin/python -m pytest

test-lowest: .venv-lowest/test.done
	.venv-lowest/bin/python -m pytest

.venv-core/test.done: pyproject.toml $(NATIVE)
	$(PYTHON) -m venv .venv-core
	.venv-core/bin/pip install --quiet $(CORE) .
	touch $@

.venv-lowest/test.done: pyproject.toml $(NATIVE)
	$(PYTHON) -m venv .venv-lowest
	$(PYTHON) tests/lowest.py > .venv-lowest/lowest.txt
	.venv-lowest/bin/pip install --quiet --constraint .venv-lowest/lowest.txt $(CORE) .
	touch $@

audit: .venv/test.done
	$(BIN)/python tests/audit.py $(ADVISORIES)

lint: .venv/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/test.done
	$(BIN)/mypy

docs: .venv/docs.done
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html
	@echo "docs  docs/_build/html/index.html"

bench: .venv/test.done
	$(BIN)/pip install --quiet --editable '.[benchmark]'
	$(BIN)/pip install --quiet --no-deps ckatorch==1.0.3 pytorch-cka==1.1.3 magnipy==1.0.0 scikit-dimension==0.5.0
	$(BIN)/pip install --quiet numba numexpr networkx seaborn
	$(BIN)/python benchmarks/bench_extract.py
	$(BIN)/python benchmarks/bench_rips.py
	$(BIN)/python benchmarks/bench_points.py
	$(BIN)/python benchmarks/bench_distances.py
	$(BIN)/python benchmarks/bench_similarity.py
	$(BIN)/python benchmarks/bench_monitor.py
	$(BIN)/python benchmarks/bench_scale.py
	$(BIN)/python benchmarks/simulate_driver.py
	$(BIN)/python benchmarks/bench_forecast.py
	$(BIN)/python benchmarks/bench_whole.py

# Half an hour of one core. Goes on where it was interrupted; rows that other code made are simulated again.
calibration: .venv/test.done
	$(BIN)/python benchmarks/calibration.py
	$(BIN)/python benchmarks/coverage.py

.venv/created.done:
	$(PYTHON) -m venv .venv
	touch $@

.venv/demo.done: .venv/created.done pyproject.toml $(NATIVE)
	$(BIN)/pip install --quiet --editable '.[torch]'
	touch $@

.venv/test.done: .venv/created.done pyproject.toml $(NATIVE)
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

.venv/docs.done: .venv/created.done pyproject.toml $(NATIVE)
	$(BIN)/pip install --quiet --editable '.[docs]'
	touch $@

include native.mk

clean:
	rm -rf docs/_build docs/_generated docs/benchmarks
	rm -rf .venv .venv-core .venv-lowest build dist runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
