# NODE is a host of the lab, e.g. ctl1; LAB_NAME names another lab than openstack-ha.
.DEFAULT_GOAL := help
LAB := .venv/bin/python -m lab
NODE ?= ctl1

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/lab: lab/requirements.txt
	lab/prepare
	test -x .venv/bin/python || python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --requirement $<
	touch $@

.PHONY: lab
lab: .venv/lab ## Three controllers, a salt-master and the highstate (COLD=1: no baked packages)
	lab/prepare
	$(LAB) up $(if $(COLD),--cold)

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
