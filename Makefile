# Everything is set up by the target that needs it. Needs only Python 3.11 to 3.13 with venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_FLAGS := --quiet --disable-pip-version-check --require-hashes

.PHONY: demo test check lint types layers bench validate docs dist clean lock

demo: $(VENV)/.run
	$(BIN)/python examples/demo.py

test: $(VENV)/.dev
	$(BIN)/pytest -n auto

check: $(VENV)/.dev lint types layers test

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

layers: $(VENV)/.dev
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

validate: $(VENV)/.dev
	$(BIN)/python -m validation

docs: $(VENV)/.dev
	$(BIN)/mkdocs build --strict

# Wheel and source archive, equal to the byte whoever builds them, and the bill of materials of what they run with.
dist: $(VENV)/.dev
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist
	$(BIN)/python -m hatchling build -d dist/again
	for file in dist/*.whl dist/*.tar.gz; do cmp $$file dist/again/$$(basename $$file); done
	rm -r dist/again
	$(BIN)/cyclonedx-py requirements requirements-server.lock --pyproject pyproject.toml --output-reproducible \
		--output-format JSON --output-file dist/sbom.cdx.json
	cd dist && sha256sum * > SHA256SUMS

# Refresh the lock files (contributors only).
lock: $(VENV)/.dev
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-header --generate-hashes \
		--extra web --extra documents pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-header --generate-hashes \
		--extra web --extra documents --extra postgres --extra oidc --group build -c requirements.lock pyproject.toml \
		-o requirements-server.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-header --generate-hashes \
		--extra web --extra documents --extra postgres --extra oidc --group dev --group docs --group release -c requirements.lock pyproject.toml \
		-o requirements-dev.lock

$(VENV)/.run: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install $(PIP_FLAGS) -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install $(PIP_FLAGS) -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) demo dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
