# Glass Kit. `make app` and `make test` each work alone on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3
PORT ?= 7860
JOBS ?= 2
# A worker that dies ends the run at once: a new one would wait for work that never comes.
# What starts processes, browsers and kernels runs apart from the rest.
HEAVY := tests/app/ tests/training/ tests/notebooks/
PARALLEL = -n $(JOBS) --dist loadfile --max-worker-restart 0
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# JupyterLab of this environment asks for no news, updates or extensions on the network.
JUPYTER := $(wildcard .jupyter/*.json .jupyter/*/*.json)

.PHONY: app test lab lint bench notebooks course clean setup help

help:
	@echo "make app    set up, open the app on 127.0.0.1:$(PORT)"
	@echo "make test   set up, run the tests that CI runs"
	@echo "make lab    open the notebooks in JupyterLab"
	@echo "make bench  measure speed"
	@echo "make lint   ruff, the contracts between packages, types"
	@echo "make notebooks / course   build the notebooks from their sources / as web pages"
	@echo "make clean  remove the environment and build leftovers"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt $(JUPYTER)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Glass Kit needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1)." \
	       "Install one and say: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "Python's venv module is missing. Install it: sudo apt-get install python3-venv"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	mkdir -p $(VENV)/etc/jupyter && cp -R .jupyter/. $(VENV)/etc/jupyter/
	@touch $@

app: $(STAMP)
	$(BIN)/glasskit app --port $(PORT)

# One thread a process: two test processes on two cores would else wait for each other's threads.
test: export OMP_NUM_THREADS := 1
test: $(STAMP)
	$(BIN)/python -m tests.browser
	$(BIN)/python -m pytest $(PARALLEL) $(filter-out $(HEAVY),$(wildcard tests/*/ tests/test_*.py))
	$(BIN)/python -m pytest $(PARALLEL) $(HEAVY)
	$(BIN)/python -m pytest $(PARALLEL) --nbval-lax --nbval-current-env --nbval-cell-timeout=600 \
	  --nbval-sanitize-with=tests/notebooks/sanitize.cfg notebooks
	@$(BIN)/python -m tests.browser --summary

lab: $(STAMP)
	$(BIN)/jupyter lab notebooks

# mypy looks for packages by the names of folders: app/ is installed as glasskit_app.
lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	@mkdir -p $(VENV)/types && ln -sfn ../../app $(VENV)/types/glasskit_app
	MYPYPATH=$(VENV)/types $(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m tests.benchmarks --out tests/benchmarks/results/bench.md

notebooks: $(STAMP)
	$(BIN)/python -m tests.notebooks.build

course: $(STAMP)
	$(BIN)/python -m tests.notebooks.course

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis site runs tests/artefacts *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
