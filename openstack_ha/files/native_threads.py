# Written by Salt (openstack_ha.uwsgi); changes made here are lost.
"""
Logging in a process with threads of its own, as uWSGI's are.

oslo.log before 5.5.1 takes eventlet's locks for logging wherever eventlet is imported, and
libraries import it wherever it is installed. A lock of eventlet's is not handed from one thread of
the system to another: who has to wait for it waits for ever, and the request with it
(https://bugs.launchpad.net/oslo.log/+bug/1983863). In a process that eventlet has not patched the
locks stay what they are.
"""

import oslo_log.log

oslo_log.log._fix_eventlet_logging = lambda: None
