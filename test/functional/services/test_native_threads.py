"""Threads of a process log at the same time, as those of uWSGI do, and none waits for ever."""

import subprocess

from support import ROOT

# eventlet is imported, as libraries do where it is installed, and has patched nothing. Each logger
# is a new one, so that all threads want the one lock of the module; they are switched as often as
# can be, within that too.
THREADS = 16
SCRIPT = f"""
import os, sys, threading
import eventlet
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"))
from oslo_config import cfg
from oslo_log import log

log.register_options(cfg.CONF)
cfg.CONF([])
cfg.CONF.set_override("use_stderr", True)
log.setup(cfg.CONF, "trial")


def speak():
    for number in range(300):
        log.getLogger(f"trial.{{threading.get_ident()}}.{{number}}").warning("heard")


sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=speak, daemon=True) for _ in range({THREADS})]
for one in threads:
    one.start()
for one in threads:
    one.join()
"""


def test_no_thread_that_logs_waits_for_ever():
    source = ROOT / "openstack_ha/files/native_threads.py"
    argv = ["/usr/bin/python3", "-c", SCRIPT, str(source)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=True)
    assert done.stderr.count("heard") == THREADS * 300
