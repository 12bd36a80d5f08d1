# `make` alone lists the commands; PYTHON=, TORCH=auto|cpu|cuda and ARGS="..." go with each of them.
PYTHON := $(or $(PYTHON),$(shell for p in python3 python3.13 python3.12 python3.11; do "$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo "$$p" && break; done))
.PHONY: help setup lab test lint lessons stills assets
help setup lab test lint lessons stills assets:
	@$(if $(PYTHON),"$(PYTHON)" .ci/setup.py $@ $(ARGS),echo "dilviz: needs Python 3.11, 3.12 or 3.13 and found none; install one, or name it: make $@ PYTHON=/path/to/python." >&2; exit 2)
