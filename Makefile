PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: install run format check test cover fuzz big abuse soak bench image image-test clean

install: .venv/installed
.venv/installed: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import cors_anywhere.__main__'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable .
	touch $@
.venv/developing: .venv/installed
	$(BIN)/pip install --quiet --editable '.[test,check]'
	touch $@

run: install
	$(BIN)/cors-anywhere $(ARGS)

format: .venv/developing
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
check: .venv/developing
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Tests skip what they lack, and say so; where CI is true nothing may be missing.
test: .venv/developing
	tools/need unshare=util-linux ip=iproute2 chromium nginx caddy haproxy || [ "$$CI" != true ]
	$(BIN)/pytest $(ARGS)
cover: .venv/developing
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

SECONDS ?= 60
fuzz: .venv/developing
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

# These take minutes; docs/reliability.md says what they show.
big: .venv/developing
	CORSANYWHERE_TEST_BIG=1 $(BIN)/pytest -s tests/test_memory.py $(ARGS)
abuse: .venv/developing
	tools/need slowhttptest
	$(BIN)/python -m tests.abuse
soak: .venv/developing
	$(BIN)/python -m tests.soak $(ARGS)

bench: install
	tools/need nginx wrk go=golang node=nodejs npm openssl taskset=util-linux
	$(BIN)/python benchmarks/run.py $(ARGS)
image:
	docker build --tag cors-anywhere $(ARGS) .
image-test: install
	tools/need buildah debootstrap
	$(BIN)/python tools/image_test.py
clean:
	rm -rf .venv build dist *.egg-info
