"""
Ends creations of machines that no service of Nova's carries on, as its conductor ends those that it
finds no place for: the machine is in an error, which says why.

It runs with Nova's own Python, and takes `--config-file FILE` as all programs of Nova's.
A line of JSON on stdin, a line on stdout; what is to end is decided by the formula.

    {"machines": [uuid, ..], "why": ".."}
    {"ended": [uuid, ..], "kept": {uuid: why}}
"""

import json
import sys
import traceback

# As all of Nova's programs begin: it makes the threads that its libraries expect.
import nova.cmd  # noqa: F401
from nova import config, context, exception, objects
from nova.compute import utils, vm_states
from nova.conductor import manager


def main():
    config.parse_args(sys.argv)
    objects.register_all()
    asked = json.load(sys.stdin)
    known, conductor = context.get_admin_context(), manager.ComputeTaskManager()
    ended, kept, failures = [], {}, []
    for uuid in asked["machines"]:
        try:
            end(known, conductor, uuid, asked["why"])
            ended.append(uuid)
        except exception.NovaException as exc:
            # Somebody goes on with it, or has ended it.
            kept[uuid] = str(exc)
        except Exception as exc:
            # One that cannot be ended keeps no other one.
            failures.append(f"{uuid}: {exc!r}")
            traceback.print_exc()
    json.dump({"ended": ended, "kept": kept}, sys.stdout)
    if failures:
        sys.exit("; ".join(failures))


def end(known, conductor, uuid, why):
    """End one creation wherever it has come to; what an earlier attempt has done stays done."""
    fault = exception.BuildAbortException(instance_uuid=uuid, reason=why)
    request = request_of(known, uuid)
    cell, machine = record_of(known, uuid)
    if machine:
        if machine.vm_state == vm_states.BUILDING:
            set_error(machine, fault)
        if request:
            show_in(known, cell, uuid)
            request.destroy()
    elif request:
        bury(conductor, request, fault)
    else:
        raise exception.InstanceNotFound(instance_id=uuid)


def set_error(machine, fault):
    """Unless a compute node has just taken it."""
    seen = machine.task_state
    machine.vm_state, machine.task_state = vm_states.ERROR, None
    machine.save(expected_vm_state=[vm_states.BUILDING], expected_task_state=[seen])
    utils.add_instance_fault_from_exc(machine._context, machine, fault)


def bury(conductor, request, fault):
    """
    What a conductor does when it finds no place. One that comes to it late finds the request gone,
    and leaves off. A scheduler may have kept a place already.

    With it the cell gets the security groups that are everybody's own, so it is done as the owner:
    a group that is nobody's ends each listing of machines in an error.
    """
    owner = context.RequestContext(
        user_id=request.instance.user_id, project_id=request.project_id, is_admin=True
    )
    if conductor.report_client.delete_allocation_for_instance(owner, request.instance_uuid) is None:
        raise exception.NovaException(message="Placement does not answer")
    disks = objects.BlockDeviceMappingList(
        objects=[fresh(owner, one) for one in request.block_device_mappings or []]
    )
    conductor._bury_in_cell0(
        owner,
        None,
        fault,
        build_requests=[request],
        block_device_mapping=disks,
        tags=request.tags if request.obj_attr_is_set("tags") else None,
    )


def fresh(owner, disk):
    """One of a request's disks, as if it were new: what is loaded is not written again."""
    facts = {name: getattr(disk, name) for name in disk.fields if disk.obj_attr_is_set(name)}
    return objects.BlockDeviceMapping(owner, **facts)


def show_in(known, cell, uuid):
    """Have the API look for it in its cell, and not among the requests."""
    mapping = objects.InstanceMapping.get_by_instance_uuid(known, uuid)
    mapping.cell_mapping = cell
    mapping.save()


def request_of(known, uuid):
    """The request that no conductor has brought to a compute node, or None."""
    try:
        return objects.BuildRequest.get_by_instance_uuid(known, uuid)
    except exception.BuildRequestNotFound:
        return None


def record_of(known, uuid):
    """The cell that has the machine, and the machine; None where there is none yet."""
    for cell in objects.CellMappingList.get_all(known):
        with context.target_cell(known, cell) as within:
            try:
                return cell, objects.Instance.get_by_uuid(within, uuid)
            except exception.InstanceNotFound:
                continue
    return None, None


if __name__ == "__main__":
    main()
