# NODE is a host of the lab, e.g. ctl1; LAB_NAME names another lab than openstack-ha.
.DEFAULT_GOAL := help
LAB := .venv/bin/python -m lab
NODE ?= ctl1

# kitchen-salt and what drives it: from the folder KITCHEN_GEMS, or from Ruby's registry.
GEMS := test-kitchen:4.1.5 kitchen-docker:3.4.1 kitchen-salt:0.7.2
GEM_HOME := $(CURDIR)/.kitchen/gems
DO ?= test --destroy=always

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/lab: lab/requirements.txt
	lab/prepare
	test -x .venv/bin/python || python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --requirement $<
	touch $@

.venv/test: test/requirements.txt .venv/lab
	.venv/bin/python -m pip install --quiet --requirement $<
	touch $@

.PHONY: lab
lab: .venv/lab ## A lab of PROFILE core or full, deployed (COLD=1: no baked packages)
	lab/prepare
	$(LAB) up $(if $(PROFILE),--profile $(PROFILE)) $(if $(COLD),--cold)

.PHONY: lab-destroy
lab-destroy: .venv/lab ## Remove the lab
	$(LAB) destroy

.PHONY: lab-status
lab-status: .venv/lab ## The hosts, and who holds the VIP
	$(LAB) status

.PHONY: lab-shell
lab-shell: .venv/lab ## A shell on NODE
	$(LAB) shell $(NODE)

.PHONY: lab-kill lab-stop lab-boot lab-partition lab-heal
lab-kill: .venv/lab ## Take the power of NODE away
lab-stop: .venv/lab ## Shut NODE down cleanly
lab-boot: .venv/lab ## Switch NODE on
lab-partition: .venv/lab ## Cut NODE off (FROM=ctl2,ctl3: only from these)
lab-heal: .venv/lab ## End the partitions of NODE
lab-kill lab-stop lab-boot lab-heal:
	$(LAB) $(@:lab-%=%) $(NODE)
lab-partition:
	$(LAB) partition $(NODE) $(if $(FROM),--from $(FROM))

PYTEST := .venv/bin/python -m pytest
SLS := $(shell git ls-files '*.sls')
YAML := $(shell git ls-files '*.yaml' '*.yml') pillar.example

.PHONY: test
test: test-lint test-unit test-render ## Every tier
	# Two hosts of their own, which wait more than they work; their image is made once.
	$(LAB) image tests
	$(MAKE) --jobs=2 --output-sync=line test-functional test-cluster
	$(MAKE) test-lab

.PHONY: test-lint
test-lint: .venv/test ## Ruff, salt-lint, yamllint
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/salt-lint $(SLS)
	.venv/bin/yamllint --strict $(YAML)

.PHONY: test-unit test-render
test-unit: .venv/test ## Pure logic
	$(PYTEST) test/unit
test-render: .venv/test ## Every SLS and template, by Salt's own compiler
	$(PYTEST) test/render

.PHONY: test-functional test-cluster
test-functional: .venv/test ## States in both modes on a host with the real servers
	$(LAB) tier functional
test-cluster: .venv/test ## A master and minions as daemons on such a host
	$(LAB) tier cluster

.PHONY: test-lab deployments
test-lab: .venv/test ## Real controllers, and then storage nodes (LAB_ROUNDS deployments)
	# Secrets are looked for in the logs at debug level, where Salt says most.
	LAB_LOG_LEVEL=debug $(PYTEST) -s test/lab --ignore-glob='*/test_9_*'
	# With storage nodes, when the smaller lab has gone.
	$(PYTEST) -s test/lab/test_9_*.py
deployments: .venv/test ## Ten deployments from nothing, with random delays
	LAB_ROUNDS=10 $(PYTEST) test/lab/test_2_deployments.py

.PHONY: chaos
chaos: .venv/test ## 50,000 steps of the election's machine, 30 rounds of faults under load
	MACHINE_STEPS=50000 $(PYTEST) test/unit/test_galera_machine.py
	LAB_ROUNDS=1 CHAOS_ROUNDS=30 $(PYTEST) -s test/lab/test_2_deployments.py test/lab/test_8_chaos.py

.PHONY: runbooks
runbooks: .venv/test ## Every runbook's sections, the long ones too, in a lab
	LAB_ROUNDS=1 $(PYTEST) test/lab/test_2_deployments.py test/lab/test_7_runbooks.py \
	  test/lab/more_runbooks.py

.PHONY: swift
swift: .venv/test ## The life of Swift's rings under load, in a lab
	$(PYTEST) -s test/lab/test_9_swift.py test/lab/more_swift.py

.PHONY: swift-upstream
swift-upstream: .venv/test ## Swift's own functional tests against the VIP, in a lab
	$(PYTEST) -s test/lab/more_upstream.py

.PHONY: bench-failover
bench-failover: .venv/lab ## Kill the VIP's holder of the lab, measure the longest gaps
	.venv/bin/python -m bench.failover

.PHONY: bench-highstate
bench-highstate: .venv/lab ## The cost of a highstate that changes nothing, on all controllers
	.venv/bin/python -m bench.highstate

.kitchen/gems/installed: Makefile
	test/integration/prepare
	mkdir -p $(GEM_HOME)
	cd $(or $(KITCHEN_GEMS),.) && gem install $(if $(KITCHEN_GEMS),--local) --conservative \
	  --no-document --install-dir $(GEM_HOME) $(GEMS)
	touch $@

.PHONY: kitchen
kitchen: .venv/test .kitchen/gems/installed ## kitchen-salt's suites (DO=converge: that step only)
	image=$$($(LAB) image baked) && LAB_IMAGE=$$image GEM_HOME=$(GEM_HOME) \
	  PATH="$(CURDIR)/.venv/bin:$$PATH" $(GEM_HOME)/bin/kitchen $(DO)
