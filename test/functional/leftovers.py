"""What one file's tests make of the host, and another one's begin without."""

import pathlib
import shutil
import subprocess

SWIFT = pathlib.Path("/etc/swift")
KEYS = [pathlib.Path("/etc/keystone", f"{kind}-keys") for kind in ("fernet", "credential")]
STATE = pathlib.Path("/var/lib/openstack_ha")
UNITS = ("keystone", "glance-api", "placement-api", "nova-*")
DATABASES = ("keystone", "glance", "placement", "nova_api", "nova_cell0", "nova")


def forget_guarded():
    """Forget with what this host has run: another file is of another cluster."""
    (STATE / "guards.json").unlink(missing_ok=True)


def keep_swift(folder):
    """Copy Swift's configuration as its packages leave it, with the files' owners."""
    subprocess.run(["cp", "--archive", SWIFT, folder], check=True)


def forget_swift(folder):
    """Stop what there is of Swift, forget its rings, and take back what was kept."""
    subprocess.run(["systemctl", "stop", "swift-*", "rsync"], check=False)
    shutil.rmtree(STATE / "swift", ignore_errors=True)
    for path in STATE.glob("swift*.json"):
        path.unlink()
    forget_guarded()
    shutil.rmtree(SWIFT)
    subprocess.run(["cp", "--archive", folder, SWIFT], check=True)


def forget_services():
    """Stop what has a schema, and forget the schemas and keys; the database runs."""
    subprocess.run(["systemctl", "stop", *UNITS], check=False)
    for name in DATABASES:
        drop = f"DROP DATABASE IF EXISTS {name}"
        subprocess.run(["mariadb", "--execute", drop], check=True)
    for folder in KEYS:
        shutil.rmtree(folder, ignore_errors=True)
    for name in ("keystone-keys", "nova-mapped"):
        (STATE / name).unlink(missing_ok=True)
