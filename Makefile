# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SEED ?= 1
TIMES ?= 200
DATA ?= ../shared/data
LAB ?= out/lab-11
CLUSTERED := src/oddflow/cluster tests/cluster tests/server/stream tests/flows/test_parting.py tests/verdicts/test_memory.py

# hundreds of processes start in the tests, and each would compile all that it imports
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench results calibration explanations peers learners fuzz fuzzapi docs lab lock wheel dist sweep kill soak clean clustered slow

help:  ## Show what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=…"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-compile -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	$(BIN)/oddflow doctor --warm
	@touch $@

setup: $(VENV)/.ready  ## Make the environment from the lock file, once

demo: $(VENV)/.ready  ## Learn a baseline, detect in a real capture, write the report
	$(BIN)/oddflow demo

test: $(VENV)/.ready  ## Run the tests (under 12 minutes)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder -m "not slow" $(addprefix --ignore=,$(CLUSTERED))

slow: $(VENV)/.ready  ## Run the tests that take longest, which make test and make clustered leave out
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m slow $(addprefix --ignore=,$(CLUSTERED))
	OMP_NUM_THREADS=1 $(BIN)/pytest -m slow $(CLUSTERED)

clustered: $(VENV)/.ready  ## Test what runs on a cluster and over a stream: each test has both processors (under 6 minutes)
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow" $(CLUSTERED)

check: $(VENV)/.ready  ## Lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir build/site

bench: $(VENV)/.ready peers  ## Measure metering, learning and scoring on this machine, beside other tools
	$(BIN)/oddflow bench ingest -o out/bench-ingest.json
	$(BIN)/oddflow bench train -o out/bench-train.json
	$(BIN)/oddflow bench score -o out/bench-score.json
	$(BIN)/oddflow bench serve -o out/bench-serve.json

results: $(VENV)/.ready  ## Make every table of docs/results.md anew; goes on where it stopped (DATA=folder of data sets)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/oddflow evaluate --suite all --data $(DATA) --jobs 2 --write docs/results.md
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/against_kitsune.py --data $(DATA) --write

calibration: $(VENV)/.ready  ## Whether stated numbers of false alarms hold: the tables of docs/calibration.md (LAB=folders of make lab)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/calibration.py --data $(DATA) --lab $(LAB)

explanations: $(VENV)/.ready  ## Measure whether explanations are true; prints the table of docs/explain.md
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/explanations.py --data $(DATA)

peers: out/peers/nfstream/.ready out/peers/dpkt/.ready out/peers/cicflowmeter/.ready learners  ## Install the tools that bench compares with

learners: out/peers/pyod/.ready out/peers/keras-jax/.ready out/peers/keras-tensorflow/.ready  ## Install those of them that learn (4 GB)

out/peers/%/.ready: benchmarks/peers/%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet -r $<
	@touch $@

fuzz: $(VENV)/.ready  ## A million mutated packets, a search by coverage, replayed compiled; 1,000 new examples of each property
	$(BIN)/pip install --quiet atheris==3.0.0 || echo "atheris cannot be installed here: nothing is guided by coverage"
	$(BIN)/python -m tests.fuzz --seed $(SEED)
	HYPOTHESIS_PROFILE=explore $(BIN)/pytest -q tests/capture tests/features tests/flows tests/fuzz tests/logs

kill: $(VENV)/.ready  ## Kill the service at random instants, and look whether anything is lost or broken (TIMES=200)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/kill.py --times $(TIMES) --seed $(SEED)

soak: $(VENV)/.ready  ## The service for half an hour under 100,000 packets and 5,000 flows a second (root)
	$(BIN)/oddflow bench serve --what load --seconds 1800

sweep: $(VENV)/.ready out/peers/nfstream/.ready  ## Meter every capture in ../shared/data; compare totals with tshark, flows with NFStream
	$(BIN)/python benchmarks/sweep.py
	$(BIN)/python benchmarks/against_nfstream.py

fuzzapi: $(VENV)/.ready  ## Ask a filled service all that its description allows and forbids, for some minutes (SEED=n)
	$(BIN)/python benchmarks/fuzz_api.py --seed $(SEED)

docs: $(VENV)/.ready  ## Serve the documentation at 127.0.0.1:8000
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --dev-addr 127.0.0.1:8000

lab: $(VENV)/.ready  ## Record fresh captures with real daemons (root; SEED=n); they go to out/lab-n
	$(BIN)/python lab/make.py --seed $(SEED) --out out/lab-$(SEED)

wheel: $(VENV)/.ready  ## Build the wheel
	$(BIN)/python -m build --wheel --no-isolation --outdir dist .

dist: wheel  ## Build the wheel and a .deb with all that a sensor and the service need (Debian's Python of the same version)
	$(BIN)/python packaging/deb.py "$$(ls -t dist/oddflow-*.whl | head -1)" --out dist

lock: $(VENV)/.ready  ## Renew the lock file
	$(BIN)/pip-compile --quiet --all-extras --allow-unsafe --strip-extras --no-emit-find-links --no-emit-index-url --no-annotate --no-header --output-file=requirements.lock pyproject.toml
	sed -i -E -e 's/^torch==([0-9.]+).*/torch==\1/' -e '/^pip==/d' requirements.lock

clean:  ## Remove what was built; the environment stays
	rm -rf build dist out site .pytest_cache .mypy_cache .ruff_cache .hypothesis
