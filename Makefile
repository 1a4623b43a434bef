# Each target makes its own environment. The same as plain commands, also in PowerShell:
#   python -m tradershub.bootstrap run|sandbox|test|check|bench|faults
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
ARGS ?=

.PHONY: run sandbox test check bench faults
run:
	@exec $(PYTHON) -m tradershub.bootstrap run --host $(HOST) --port $(PORT) $(ARGS)
sandbox:
	@exec $(PYTHON) -m tradershub.bootstrap sandbox $(ARGS)
test:
	@exec $(PYTHON) -m tradershub.bootstrap test $(ARGS)
check:
	@exec $(PYTHON) -m tradershub.bootstrap check $(ARGS)
bench:
	@exec $(PYTHON) -m tradershub.bootstrap bench $(ARGS)
faults:
	@exec $(PYTHON) -m tradershub.bootstrap faults $(if $(N),N=$(N)) $(if $(SEED),SEED=$(SEED)) $(ARGS)
