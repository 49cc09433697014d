PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

COMPILED := .venv-compiled
LEAST := .venv-least
PAGES := .venv-browsers
FAST := $(addprefix tests/,rules config limits http1 fronts observe egress/test_resolver.py)

.PHONY: install run format check docs test test-plain test-uvloop least test-compiled compiled wheel browsers screenshots cover fuzz big figures abuse scale soak bench guard lock image image-test clean

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
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
	$(BIN)/kubernetes-validate --strict --quiet deploy/kubernetes/*.yaml

# The README, the guide and the reference as one site, in build/docs. A link that leads nowhere fails.
docs: .venv/documenting
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env docs build/docs
.venv/documenting: .venv/installed
	$(BIN)/pip install --quiet --editable '.[docs]'
	touch $@

# Both forms, at once where there are two cores. Tests skip what they lack, and say so; where CI is
# true nothing may be missing.
test: .venv/developing
	tools/need systemd-analyze=systemd unshare=util-linux ip=iproute2 chromium nginx apache2 caddy haproxy redis-server || [ "$$CI" != true ]
	+MAKE='$(MAKE)' $(BIN)/python tools/forms.py $(PYTHON)
test-plain: .venv/developing
	$(BIN)/pytest $(ARGS)
	$(MAKE) --no-print-directory least

# What is served in a process or thread of its own runs on uvloop, as it does in the image.
test-uvloop: .venv/developing
	CORSANYWHERE_TEST_LOOP=uvloop $(BIN)/pytest tests/system tests/process $(ARGS)

# The fast tests once more: in the unpacked sdist, with the least versions that setup.cfg allows.
least: $(LEAST)/installed .venv/developing
	rm -rf $(LEAST)/sdist && mkdir $(LEAST)/sdist
	$(BIN)/python -m build --sdist --outdir $(LEAST)/sdist . >$(LEAST)/build.log || (cat $(LEAST)/build.log; exit 1)
	tar -x -C $(LEAST)/sdist --strip-components=1 -f $(LEAST)/sdist/*.tar.gz
	cd $(LEAST)/sdist && ../bin/python -m pytest --quiet $(FAST)
$(LEAST)/installed: .venv/installed tools/least.py
	$(BIN)/python -m venv $(LEAST)
	$(BIN)/python tools/least.py >$(LEAST)/constraints.txt
	$(LEAST)/bin/pip install --quiet --only-binary :all: --constraint $(LEAST)/constraints.txt --editable '.[test]'
	touch $@

# The compiled form has an environment of its own: beside the sources it would hide every edit.
compiled: $(COMPILED)/installed
$(COMPILED)/installed: setup.py setup.cfg pyproject.toml tools/build_backend.py $(shell find cors_anywhere -type f -not -name '*.pyc')
	tools/compiler $(PYTHON)
	$(PYTHON) -m venv $(COMPILED)
	rm -rf $(COMPILED)/wheel
	CORSANYWHERE_COMPILE=1 $(COMPILED)/bin/pip wheel --quiet --no-deps --wheel-dir $(COMPILED)/wheel .
	$(COMPILED)/bin/pip install --quiet --force-reinstall --no-deps $(COMPILED)/wheel/*.whl
	$(COMPILED)/bin/pip install --quiet 'cors-anywhere[test]'
	touch $@
# The tests are copied to where no sources are, or they would load those.
test-compiled: compiled
	rm -rf $(COMPILED)/checkout && mkdir $(COMPILED)/checkout
	tar -c --exclude=__pycache__ tests deploy docs tools benchmarks compose.yaml Dockerfile README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE Makefile setup.cfg setup.py | tar -x -C $(COMPILED)/checkout
	cd $(COMPILED)/checkout && CORSANYWHERE_TEST_FORM=compiled $(CURDIR)/$(COMPILED)/bin/python -m pytest $(ARGS)
wheel: .venv/developing
	tools/compiler $(PYTHON)
	$(BIN)/python tools/wheels.py
# What pages and applications use, from npm and PyPI, in real browsers: a few minutes. What `make test`
# shows in Chromium holds in Firefox too.
browsers: $(PAGES)/installed
	CORSANYWHERE_TEST_BROWSERS=1 $(BIN)/pytest tests/browsers $(ARGS)
	CORSANYWHERE_TEST_BROWSER=firefox $(BIN)/pytest $(addprefix tests/system/test_browser,.py _pages.py _origins.py _mounts.py _credentials.py)
# The pictures of the home page in docs/.
screenshots: $(PAGES)/installed
	CORSANYWHERE_TEST_BROWSERS=1 CORSANYWHERE_TEST_SCREENSHOTS=1 $(BIN)/pytest --quiet tests/browsers/test_home.py
$(PAGES)/installed: .venv/developing tests/browsers/package.json tests/browsers/requirements.txt
	tools/need chromium firefox=firefox-esr ffmpeg git node=nodejs npm
	$(PYTHON) -m venv $(PAGES)
	$(PAGES)/bin/pip install --quiet --requirement tests/browsers/requirements.txt
	cp tests/browsers/package.json $(PAGES)/
	npm install --silent --no-audit --no-fund --no-package-lock --prefix $(PAGES)
	touch $@
cover: .venv/developing
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

SECONDS ?= 60
fuzz: .venv/developing
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

# These take minutes; docs/reliability.md says what they show.
big: .venv/developing
	CORSANYWHERE_TEST_BIG=1 $(BIN)/pytest -s tests/system/test_memory.py $(ARGS)
figures: .venv/developing
	$(BIN)/python -m tests.figures
abuse: .venv/developing
	tools/need slowhttptest
	$(BIN)/python -m tests.abuse
scale: .venv/developing
	tools/need unshare=util-linux ip=iproute2 haproxy redis-server
	$(BIN)/python -m tests.scale
soak: .venv/developing
	$(BIN)/python -m tests.soak $(ARGS)

# Both forms beside their peers: minutes; ARGS='--peers compiled,go --scenes 1k-http' takes some.
bench: install compiled
	tools/need nginx haproxy wrk go=golang-go node=nodejs npm openssl taskset=util-linux
	$(BIN)/python benchmarks/run.py $(ARGS)
# What a request costs, against what is recorded in benchmarks/guard.json.
guard: install compiled
	tools/need valgrind taskset=util-linux
	$(BIN)/python benchmarks/guard.py $(ARGS)
# The image's packages, each by its version and hashes: the newest that setup.cfg allows.
lock: .venv/installed
	$(BIN)/pip install --quiet --editable '.[lock]'
	$(BIN)/python -m tools.lock
image:
	docker build --tag cors-anywhere $(ARGS) .
image-test: install
	tools/need buildah debootstrap
	$(BIN)/python tools/image_test.py
clean:
	rm -rf .venv $(COMPILED) $(LEAST) $(PAGES) build dist *.egg-info
