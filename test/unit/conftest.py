"""Hypothesis without a deadline: a machine that others use too is no fault of the code."""

from hypothesis import settings

settings.register_profile("openstack_ha", deadline=None)
settings.load_profile("openstack_ha")
