"""The one error of the lab."""


class LabError(Exception):
    """Something the lab cannot do; the message names it, the reason and what mends it."""
