# make demo: exchange, agent, a scripted incident.   make stack: and Prometheus.   make test: every check.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
CARGO ?= cargo
VENV := target/tools/venv
BULK := target/tools/bulk
OPENAPI := target/tools/openapi

.PHONY: help demo demo-once stack stack-pages test build fmt clippy doc generated generate unit suite fuzz traps demo-check tools bench bench-tools bench-where members clean

help:
	@echo "make demo       the sandbox, the agent and a scripted incident, until stopped"
	@echo "make demo-once  one cycle of it; exit 0 when every expectation held"
	@echo "make stack      the demo with Prometheus and Alertmanager: faults that page, until stopped"
	@echo "make test       installs what it needs, then every check, with the time of each stage"
	@echo "make bench      the budgets, measured on this machine, as a table (about 7 minutes)"
	@echo "make traps      who falls into which of sixteen traps: ours, and others behind an adapter"
	@echo "make fuzz       hostile input to every parser, RUNS=N inputs each (10000)"
	@echo "make members    writes members/ again from the generator"

# One stage: says what it is, does it, says how long it took.
define stage
	@echo "== $(1)"; began=$$(date +%s); $(2); echo "== $(1): $$(( $$(date +%s) - began )) s"
endef

build:
	$(call stage,build (release),$(CARGO) build --release --workspace)

demo: build
	@exec target/release/demo

demo-once: build
	@exec target/release/demo --once

stack: build tools stack-pages
	@exec target/release/demo --stack

# What Debian's Prometheus shows its pages with; next to it, as the links in its package expect.
PAGES := bootstrap4 d3 eonasdan-bootstrap-datetimepicker jquery jquery-hotkeys moment moment-timezone mustache popper.js rickshaw
stack-pages:
	$(call stage,what Prometheus needs to show pages,tests/tools/unpack.sh \
	  $(foreach part,$(PAGES),libjs-$(part):../share/javascript/$(part)) \
	  fonts-glyphicons-halflings:../share/fonts-glyphicons)

test: tools fmt clippy doc build generated unit suite fuzz demo-check
	@echo "== all checks passed"

# Python with venv for the clients that are not ours; Prometheus and Alertmanager from Debian's packages.
tools:
	$(call stage,tools,\
	  if ! python3 -c 'import venv$(comma) ensurepip' 2>/dev/null; then \
	    echo "installing python3-venv (needs root)"; \
	    apt-get update -qq && apt-get install -y -qq python3-venv; \
	  fi; \
	  if ! $(VENV)/bin/python -c 'import jwt$(comma) requests$(comma) cryptography$(comma) jellyfish$(comma) fhir.resources' 2>/dev/null; then \
	    echo "installing the foreign clients into $(VENV)"; \
	    rm -rf $(VENV); python3 -m venv $(VENV); \
	    $(VENV)/bin/pip install -q --disable-pip-version-check -r tests/foreign/requirements.txt; \
	  fi; \
	  if ! $(BULK)/bin/smart-fetch --version >/dev/null 2>&1; then \
	    echo "installing a bulk client into $(BULK)"; \
	    rm -rf $(BULK); python3 -m venv $(BULK); \
	    $(BULK)/bin/pip install -q --disable-pip-version-check -r tests/foreign/bulk.txt; \
	  fi; \
	  if ! $(OPENAPI)/bin/python -c 'import schemathesis' 2>/dev/null; then \
	    echo "installing a reader of OpenAPI into $(OPENAPI)"; \
	    rm -rf $(OPENAPI); python3 -m venv $(OPENAPI); \
	    $(OPENAPI)/bin/pip install -q --disable-pip-version-check -r tests/foreign/openapi.txt; \
	  fi; \
	  tests/tools/unpack.sh prometheus:prometheus prometheus:promtool \
	    prometheus-alertmanager:prometheus-alertmanager prometheus-alertmanager:amtool \
	    prometheus-blackbox-exporter:prometheus-blackbox-exporter)

fmt:
	$(call stage,fmt,$(CARGO) fmt --all --check)

clippy:
	$(call stage,clippy (warnings are errors),$(CARGO) clippy --workspace --all-targets -- -D warnings)

doc:
	$(call stage,docs (warnings are errors),RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --quiet)

# alerts/ and dashboards/ are committed, and what the files next to them say.
generated: build
	$(call stage,generated files are fresh,target/release/outrider generate --check)

generate: build
	target/release/outrider generate

unit:
	$(call stage,unit tests,$(CARGO) test --release --workspace --lib --bins)

suite:
	$(call stage,suite (real sockets and programs),$(CARGO) test --release --package outrider --test suite)

# A fixed number of inputs from a kept corpus and a fixed seed; built in a target directory of its own.
RUNS ?= 10000
fuzz:
	$(call stage,fuzz ($(RUNS) inputs to each target),CARGO=$(CARGO) fuzz/run.sh $(RUNS))

# Each test leads every monitor into one trap and writes down what came of it.
traps: tools
	$(call stage,traps,rm -rf target/traps; \
	  $(CARGO) test --quiet --release --package outrider --test suite -- traps::t; \
	  echo; echo "| trap | what | monitor | | why |"; echo "|---|---|---|---|---|"; cat target/traps/*.md)

# The scripted incident holds its expectations, and fails when the fault is left out.
demo-check:
	$(call stage,demo-once,target/release/demo --once)
	$(call stage,demo-once without its faults must fail,\
	  if OMIT_FAULT=1 target/release/demo --once --state var/demo-omitted > target/demo-omitted.log 2>&1; \
	  then echo "the demo passed without its faults"; exit 1; \
	  else echo "it failed$(comma) as it must"; fi)

# Figures, never a verdict: they go to the terminal and to target/bench/results.json.
bench: bench-tools
	@$(CARGO) build --release --package exchange
	@$(CARGO) bench --bench budgets

bench-tools:
	$(call stage,bench tools,tests/tools/unpack.sh prometheus-blackbox-exporter:prometheus-blackbox-exporter)

# Instructions by function, under callgrind: where a check's time goes.
bench-where:
	$(call stage,callgrind,command -v valgrind > /dev/null || tests/tools/unpack.sh valgrind:valgrind)
	@$(CARGO) build --release --package exchange --package outrider
	@benches/where.sh 20

# How many members of each partner are walked. Cedarway lets an expired consent pass, the case of its twelfth;
# Brightwater leaves out a large record and says nothing, the case of its seventh.
WALKED := keystone:12 cedarway:11 lakeside:12 brightwater:6 northfield:12 juniper:12 stonebridge:12 tidewater:12 marigold:12
members:
	$(CARGO) build --release --package exchange
	for one in $(WALKED); do id=$${one%:*}; target/release/exchange members export --partner $$id --set $$id-basic --seed 7 --count $${one#*:} --out members; done

clean:
	rm -rf target var

comma := ,
