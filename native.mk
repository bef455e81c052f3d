# Checks of the native kernel, included by the Makefile.
NATIVE_BUILD ?= build/sanitized

# The tests of the native modules against a build with the address and undefined-behaviour sanitizers and with their own
# assertions.
# Python itself is not instrumented, so the sanitizer's library has to be loaded first; leaks are Python's at exit.
define RUN_SANITIZED
import sys
# An editable installation would come first on its own account.
sys.meta_path[:] = [finder for finder in sys.meta_path if "Redirecting" not in type(finder).__name__]
import pytest
quiet = ["-q", "-p", "no:cacheprovider"]
points = ["tests/cloud/test_pairs.py", "-k", "not device and not torch and not memory and not equal_rows"]  # torch stays out
sys.exit(pytest.main(["tests/rips", "tests/distances", *quiet]) or pytest.main([*points, *quiet]))
endef
export RUN_SANITIZED

.PHONY: test-native-sanitized
test-native-sanitized: .venv/test.done
	$(BIN)/pip install --quiet 'scikit-build-core>=0.10' 'nanobind>=2.4' cmake ninja
	$(BIN)/pip install --quiet --no-build-isolation --no-deps --target $(NATIVE_BUILD)/site \
	    --upgrade --config-settings=cmake.define.TOPOSCOPE_SANITIZE=ON --config-settings=cmake.build-type=RelWithDebInfo \
	    --config-settings=install.strip=false .
	PYTHONPATH=$(NATIVE_BUILD)/site TOPOSCOPE_SANITIZED=1 \
	    LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)" \
	    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	    $(BIN)/python -c "$$RUN_SANITIZED"

# The kernel as plain C++ for another processor: does it compile? (needs g++-aarch64-linux-gnu)
.PHONY: check-native-arm64
check-native-arm64:
	aarch64-linux-gnu-g++ -std=c++17 -O2 -Wall -Wextra -Werror -fsyntax-only src/toposcope/rips/native/instructions.cpp
	aarch64-linux-gnu-g++ -std=c++17 -O2 -Wall -Wextra -Werror -fsyntax-only src/toposcope/cloud/native/instructions.cpp
	echo '#include "sweep.hpp"' | aarch64-linux-gnu-g++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only \
	    -Isrc/toposcope/rips/native -xc++ -
