# Written by Salt (openstack_ha.horizon); changes made here are lost.
# Horizon's settings are in local_settings.d/_9000_openstack_ha.py, which is read after those of the
# package. The package's own file of this name would make a key for this controller alone.
