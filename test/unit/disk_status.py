"""What openstack_ha_disk.status returns, for the tests of those whose disks they are."""

BLANK = {
    "mounted": None,
    "error": None,
    "elsewhere": None,
    "signatures": [],
    "holder": None,
    "is_enabled": False,
    "is_owned": False,
}


def serving(uuid):
    """Of a disk that is mounted and as it should be."""
    mounted = {"source": "/dev/sdb", "uuid": uuid}
    well = {"signatures": None, "is_enabled": True, "is_owned": True}
    return {**BLANK, "mounted": mounted, **well}
