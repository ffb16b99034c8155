# make demo: exchange, agent, a scripted incident.   make test: every check.   make help: the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
CARGO ?= cargo

.PHONY: help demo demo-once demo-report stack stack-pages test times quick nightly dist build fmt clippy doc generated generate \
  unit suite fuzz traps demo-check tools pypi pypi-tools mutations prometheus-newest verapdf without-pdf other-days deny book bench bench-tools bench-where soak soak-short members clean

help:
	@echo "make demo       the sandbox, the agent and a scripted incident, until stopped"
	@echo "make demo-once  one cycle of it; exit 0 when every expectation held"
	@echo "make demo-report  SLA reports over a year of made-up history of the demo's partners, SEED=N (7)"
	@echo "make stack      the demo with Prometheus and Alertmanager: faults that page, until stopped"
	@echo "make quick      the inner loop: format, clippy, unit tests with the architecture tests"
	@echo "make test       installs what it needs, then every check, with the time of each stage"
	@echo "make nightly    what takes hours or needs PyPI, Maven or cargo install, as a table of parts"
	@echo "make dist       small binaries without symbols, in target/dist"
	@echo "make bench      the budgets, measured on this machine, as a table (about 12 minutes)"
	@echo "make soak       the agent under random faults, MINUTES=N (20), SEED=N: fails when memory or handles grow"
	@echo "make traps      which of sixteen traps a monitor falls into: ours, and others by an adapter"
	@echo "make fuzz       hostile input to every parser, RUNS=N inputs each (10000)"
	@echo "make members    writes members/ again from the generator"

# One stage: says what it is, does it, says how long it took, and keeps that for the table at the end.
define stage
	@mkdir -p target; echo "== $(1)"; began=$$(date +%s); $(2); took=$$(( $$(date +%s) - began )); \
	  echo "== $(1): $$took s"; printf '%6d s  %s\n' "$$took" "$(1)" >> target/stage-times
endef

build:
	$(call stage,build (release),$(CARGO) build --release --workspace)

demo: build
	@exec target/release/demo

demo-once: build
	@exec target/release/demo --once

demo-report: SEED = 7
demo-report: build
	@$(CARGO) run -q --release --example demo_report -- $(SEED)

stack: build tools stack-pages
	@exec target/release/demo --stack

# What Debian's Prometheus shows its pages with; next to it, as the links in its package expect.
PAGES := bootstrap4 d3 eonasdan-bootstrap-datetimepicker jquery jquery-hotkeys moment moment-timezone mustache popper.js rickshaw
stack-pages:
	$(call stage,what Prometheus needs to show pages,tests/tools/unpack.sh \
	  $(foreach part,$(PAGES),libjs-$(part):../share/javascript/$(part)) \
	  fonts-glyphicons-halflings:../share/fonts-glyphicons)

# The table of stage times begins again with each of these.
ifneq ($(filter test quick,$(MAKECMDGOALS)),)
$(shell rm -f target/stage-times)
endif

test: tools fmt clippy doc build generated unit suite fuzz demo-check times
	@echo "== all checks passed"

quick: fmt clippy unit times

times:
	@cat target/stage-times; awk '{ sum += $$1 } END { printf "%6d s  in all\n", sum }' target/stage-times

# What takes hours, or needs more than Rust and Debian's packages. Every part is run; one that fails or is missing
# fails the target.
nightly:
	@MAKE="$(MAKE)" tests/tools/nightly.sh pypi mutations prometheus-newest verapdf without-pdf other-days deny book soak-short

# Stripped, and optimised as a whole.
dist:
	$(call stage,build (dist),$(CARGO) build --profile dist --package outrider --package exchange)
	@ls -lh target/dist/outrider target/dist/exchange

# Prometheus and Alertmanager, the Python packages of the third-party client, and readers of PDF, from Debian.
PYTHON := prometheus-client:prometheus_client decorator:decorator.py protobuf:google jwt requests cryptography certifi idna urllib3 chardet charset-normalizer:charset_normalizer jellyfish
tools:
	$(call stage,tools,\
	  if [ ! -x /usr/bin/python3 ]; then \
	    echo "installing python3 (needs root)"; apt-get update -qq && apt-get install -y -qq python3; \
	  fi; \
	  if ! command -v qpdf > /dev/null || ! command -v pdftotext > /dev/null; then \
	    echo "installing qpdf and poppler-utils (needs root)"; \
	    apt-get update -qq && apt-get install -y -qq qpdf poppler-utils; \
	  fi; \
	  tests/tools/unpack.sh prometheus:prometheus prometheus:promtool \
	    prometheus-alertmanager:prometheus-alertmanager prometheus-alertmanager:amtool \
	    prometheus-blackbox-exporter:prometheus-blackbox-exporter \
	    $(foreach part,$(PYTHON),python3-$(firstword $(subst :, ,$(part))):../lib/python3/dist-packages/$(lastword $(subst :, ,$(part)))))

# One profile for all stages: what C code the dependencies bring is compiled once.
fmt:
	$(call stage,fmt,$(CARGO) fmt --all --check)

clippy:
	$(call stage,clippy (warnings are errors),$(CARGO) clippy --release --workspace --all-targets -- -D warnings)

doc:
	$(call stage,docs (warnings are errors),RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --workspace --no-deps --document-private-items --quiet)

# alerts/, dashboards/ and docs/checks.md are committed, and must agree with the files they are generated from.
generated: build
	$(call stage,generated files are fresh,target/release/outrider generate --check)

generate: build
	target/release/outrider generate

unit:
	$(call stage,unit tests,$(CARGO) test --release --workspace --lib --bins)

suite:
	$(call stage,suite (real sockets and programs),$(CARGO) test --release --package outrider --test suite -- --skip pypi:: --skip mutations:: --skip verapdf::)

# Clients, a validator and a reader of OpenAPI that are not ours, from PyPI, each in an environment of its own.
pypi: build tools pypi-tools
	$(call stage,programs from PyPI,$(CARGO) test --release --package outrider --test suite -- pypi::)

pypi-tools:
	$(call stage,PyPI tools,\
	  if ! python3 -c 'import venv$(comma) ensurepip' 2>/dev/null; then \
	    echo "installing python3-venv (needs root)"; apt-get update -qq && apt-get install -y -qq python3-venv; \
	  fi; \
	  for one in fhir bulk openapi dsse; do \
	    into=target/tools/$$one; \
	    if ! cmp -s tests/third_party/$$one.txt $$into/installed.txt; then \
	      echo "installing tests/third_party/$$one.txt into $$into"; \
	      rm -rf $$into; python3 -m venv $$into; \
	      $$into/bin/pip install -q --disable-pip-version-check -r tests/third_party/$$one.txt; \
	      cp tests/third_party/$$one.txt $$into/installed.txt; \
	    fi; \
	  done)

# Each alert is broken in many ways, and a case of promtool must notice each of them.
mutations: build tools
	$(call stage,broken rules,$(CARGO) test --release --package outrider --test suite -- mutations:: --nocapture)

# Our rules in the newest Prometheus, which Go builds.
prometheus-newest: build tools
	$(call stage,the newest Prometheus,CARGO=$(CARGO) tests/tools/prometheus-newest.sh)

# Reports as PDF before a validator of PDF/A and PDF/UA that is not ours, from Maven.
verapdf: build tools
	$(call stage,veraPDF,tests/tools/verapdf.sh install; \
	  $(CARGO) test --release --package outrider --test suite -- verapdf::)

# The agent without its default feature.
without-pdf:
	$(call stage,agent without PDF,\
	  $(CARGO) clippy --release --package outrider --no-default-features --lib --bins -- -D warnings)

# The suite on other days: later, on 29 February, across both changes of the clocks.
other-days: build tools
	$(call stage,suite on other days,CARGO=$(CARGO) tests/tools/other-days.sh)

deny:
	$(call stage,licences and bans,\
	  $(CARGO) install --quiet --locked --root target/tools/cargo cargo-deny; \
	  target/tools/cargo/bin/cargo-deny check bans licenses sources)

book:
	$(call stage,book,\
	  $(CARGO) install --quiet --locked --root target/tools/cargo mdbook; \
	  target/tools/cargo/bin/mdbook build docs)

# A fixed number of inputs from a kept corpus and a fixed seed; built in a target directory of its own.
RUNS ?= 10000
fuzz:
	$(call stage,fuzz ($(RUNS) inputs to each target),CARGO=$(CARGO) fuzz/run.sh $(RUNS))

# Each test leads every monitor into one trap and records the outcome.
traps: tools
	$(call stage,traps,rm -rf target/traps; \
	  $(CARGO) test --quiet --release --package outrider --test suite -- traps::t; \
	  echo; echo "| trap | what | monitor | | why |"; echo "|---|---|---|---|---|"; cat target/traps/*.md)

# The scripted incident meets its expectations, and fails when its faults are left out.
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

# The agent at a high rate under faults, pauses, reloads and restarts from a seed. Another seed at each call, unless
# one is given; the first line of the output says which.
MINUTES ?= 20
SEED ?= $(shell date +%s)
soak:
	@$(CARGO) build --release --package exchange --package outrider
	@$(CARGO) bench --bench budgets -- soak $(MINUTES) $(SEED)

# For every night.
soak-short:
	@$(MAKE) --no-print-directory soak MINUTES=8

# How many members of each partner `bulk-exchange` runs with. Cedarway accepts an expired consent, the case of its
# twelfth member; Brightwater silently leaves out a large record, the case of its seventh.
WALKED := keystone:12 cedarway:11 lakeside:12 brightwater:6 northfield:12 juniper:12 stonebridge:12 tidewater:12 marigold:12
members:
	$(CARGO) build --release --package exchange
	for one in $(WALKED); do id=$${one%:*}; target/release/exchange members export --partner $$id --set $$id-basic --seed 7 --count $${one#*:} --out members; done

clean:
	rm -rf target var

comma := ,
