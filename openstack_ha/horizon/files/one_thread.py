# Written by Salt (openstack_ha.horizon); changes made here are lost.
#
# django-compressor gives style sheets to four threads, and pyScss makes the table of its scanner in
# the first of them while others read it: "Found 'inline-blo' but expected one of ADD, ...". Where
# that was the package's own compression, its installation failed. One thread takes no longer, since
# threads take turns at Python's own work.
import concurrent.futures
import sys

if "compress" in sys.argv:
    concurrent.futures.ThreadPoolExecutor = (
        lambda threads=concurrent.futures.ThreadPoolExecutor, **more: threads(max_workers=1)
    )
