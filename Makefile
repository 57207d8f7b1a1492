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
lab: .venv/lab ## A lab of PROFILE core, full or nova-network, deployed (COLD=1: no baked packages)
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

# A tier is timed and its outcome kept; what came of all is told at the end, red or not.
TIERS := python3 test/tiers.py
TIER = $(TIERS) run $(@:test-%=%)
JUNIT = --junitxml=test/.results/$(@:test-%=%).xml

.PHONY: test tiers
test: ## What holds for every change: every tier
	@$(TIERS) whole $(MAKE) --no-print-directory tiers
	@.venv/bin/python test/verified.py old
tiers: .venv/lab
	# Images wait for networks and disks while the quick tiers use the cores.
	$(MAKE) --jobs=2 --output-sync=line images test-lint test-unit
	# Two hosts of their own, which wait more than they work.
	$(MAKE) --jobs=2 --output-sync=line test-functional test-cluster
	$(MAKE) test-lab

.PHONY: images
images: .venv/lab ## The images that the tests need, if they are not there
	$(TIER) $(LAB) image all

.PHONY: test-lint lint
test-lint: .venv/test ## Ruff, salt-lint, yamllint
	$(TIER) $(MAKE) --no-print-directory lint
lint:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/salt-lint $(SLS)
	.venv/bin/yamllint --strict $(YAML)

.PHONY: test-unit test-functional test-cluster test-lab
test-unit: .venv/test ## Pure logic, and every SLS and template by Salt's own compiler
	$(TIER) $(PYTEST) $(JUNIT) --numprocesses=logical --dist=worksteal \
	  $(or $(TESTS),test/unit test/render)
test-functional: .venv/test ## States in both modes on a host with the real servers
	$(TIER) $(LAB) tier functional $(JUNIT) $(TESTS)
test-cluster: .venv/test ## A master and minions as daemons on such a host
	$(TIER) $(LAB) tier cluster $(JUNIT) $(TESTS)
# What the lab tier runs in; of a profile without compute nodes, what is left out.
test-lab: export LAB_PROFILE := $(or $(LAB_PROFILE),full)
test-lab: WITHOUT = $(if $(filter nova-network,$(LAB_PROFILE)),,--ignore=test/lab/test_a_machine.py)
test-lab: .venv/test ## Real hosts (LAB_KEEP=1: in a lab that stays for the next run)
	# Secrets are looked for in the logs at debug level, where Salt says most.
	LAB_LOG_LEVEL=debug $(TIER) $(PYTEST) -s $(JUNIT) \
	  $(or $(TESTS),test/lab --ignore=test/lab/long $(WITHOUT))

# Each writes its outcome into docs/verified.md; test/long.yaml says what it looks at.
LONG = .venv/bin/python test/verified.py run $@
LONG_TARGETS := bare-hosts deployments rotations outages one-down runbooks told chaos turns swift \
  swift-upstream nova tempest dashboard functional-long cluster-long mutants coverage kitchen
.PHONY: test-long $(LONG_TARGETS)
test-long: .venv/test ## Everything longer, one after another, for hours
	@$(TIERS) whole $(MAKE) --no-print-directory --keep-going $(LONG_TARGETS)

# Each has a lab of its own, with storage nodes where it needs them.
LONG_LAB = $(LONG) $(PYTEST) -s $(JUNIT) test/lab
$(LONG_TARGETS): export LAB_PROFILE = core
rotations one-down turns swift swift-upstream: export LAB_PROFILE = full
told nova tempest dashboard: export LAB_PROFILE = nova-network
bare-hosts: .venv/test ## What is said, and not done, to hosts before their first highstate
	$(LONG_LAB)/long/test_bare_hosts.py
deployments: .venv/test ## Ten deployments from nothing, with random delays
	$(LONG_LAB)/long/test_deployments.py
rotations: .venv/test ## Ten rotations of the keys for tokens, while they are used
	LAB_ROTATIONS=10 $(LONG_LAB)/test_images.py
outages: .venv/test ## The longer outages of controllers
	$(LONG_LAB)/long/test_more_outages.py test/lab/long/test_wiped_brokers.py
one-down: .venv/test ## Changes while a node is down
	$(LONG_LAB)/long/test_one_down.py
runbooks: .venv/test ## Every section of every runbook
	$(LONG_LAB)/test_runbooks.py test/lab/long/test_more_runbooks.py \
		test/lab/long/test_guarded_values.py test/lab/long/test_leaving.py
told: .venv/test ## What status says of each unit, minion and node that is gone
	$(LONG_LAB)/long/test_told.py
chaos: .venv/test ## 50,000 steps of the election's machine, 30 rounds of faults under load
	MACHINE_STEPS=50000 CHAOS_ROUNDS=30 $(LONG_LAB)/test_chaos.py test/unit/test_galera_machine.py
turns: .venv/test ## An option of every system and other packages, one node at a time
	$(LONG_LAB)/long/test_turns_of_all.py
swift: .venv/test ## The life of Swift's rings under load
	$(LONG_LAB)/long/test_swift_life.py
swift-upstream: .venv/test ## Swift's own functional tests against the VIP
	$(LONG_LAB)/long/test_swift_upstream.py
nova: .venv/test ## Virtual machines on two compute nodes, power losses, runbooks, other wheels
	$(LONG_LAB)/long/test_machines.py test/lab/test_a_machine.py \
	  test/lab/long/test_machines_power.py test/lab/long/test_compute_nodes.py \
	  test/lab/long/test_nova_wheels.py
tempest: .venv/test ## Tempest's smoke tests of identity, images, machines, objects
	$(LONG_LAB)/long/test_tempest.py

dashboard: .venv/test ## The dashboard in a real browser, through the loss of a controller
	$(LONG_LAB)/long/test_dashboard.py

functional-long cluster-long: .venv/test ## The long tests of these tiers
	$(LONG) $(LAB) tier $(@:%-long=%) $(JUNIT) -m long

mutants: .venv/test ## Deliberate faults in the product, and who notices each
	$(LONG) .venv/bin/python test/mutants/run.py
coverage: .venv/test ## How much of the product the quick tiers execute
	$(LONG) .venv/bin/python test/covered.py

.PHONY: verified
verified: .venv/test ## Mark in docs/verified.md what is old, and name it
	.venv/bin/python test/verified.py refresh
	.venv/bin/python test/verified.py old

.PHONY: bench-failover
bench-failover: .venv/lab ## Kill the VIP's holder of the lab, measure the longest gaps
	.venv/bin/python -m bench.failover

.PHONY: bench-highstate
bench-highstate: .venv/lab ## The cost of a highstate that changes nothing, on all controllers
	.venv/bin/python -m bench.highstate

.PHONY: bench-dashboard
bench-dashboard: .venv/lab ## First byte of the dashboard's pages with fifty people at once
	.venv/bin/python -m bench.dashboard

.kitchen/gems/installed: Makefile
	test/integration/prepare
	mkdir -p $(GEM_HOME)
	cd $(or $(KITCHEN_GEMS),.) && gem install $(if $(KITCHEN_GEMS),--local) --conservative \
	  --no-document --install-dir $(GEM_HOME) $(GEMS)
	touch $@

kitchen: .venv/test .kitchen/gems/installed ## kitchen-salt's suites (DO=converge: that step only)
	image=$$($(LAB) image baked) && LAB_IMAGE=$$image GEM_HOME=$(GEM_HOME) \
	  PATH="$(CURDIR)/.venv/bin:$$PATH" $(if $(filter test,$(DO)),$(LONG)) $(GEM_HOME)/bin/kitchen $(DO)
