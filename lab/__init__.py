"""A real multi-host lab on one machine: hosts are containers with systemd, packages and disks."""

from .deployment import Lab
from .errors import LabError

__all__ = ["Lab", "LabError"]
