"""
What a project may have of Nova, where nobody has given it more or less.
"""


def quota(view):
    """
    Return the section ``quota`` of nova.conf. What the API was told of a project, or of the class
    ``default``, is in the database and goes before it.

    view
        What ``openstack_ha.view`` returns.
    """
    return dict(view["nova"]["quotas"])
