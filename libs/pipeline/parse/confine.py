"""What a child gives up before it sees a document: network, programs, unbounded resources.

The limits hold everywhere; the rest needs Linux, where a seccomp filter of our own refuses new
sockets and programs. A child also dies with its parent, even when that is killed.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
import sys

from pipeline.parse.limits import GIB, ParseLimits

# Address space is not memory: thread stacks and allocator arenas reserve far more than they use.
# Memory is watched from outside; this stops one huge allocation between two looks.
ADDRESS_SPACE_SLACK = 1 * GIB

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO with EPERM
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
# Per machine: the kernel's name of its system call table, and the calls to refuse:
# socket, execve, execveat, ptrace, io_uring_setup (which can open sockets too).
_CALLS = {
    "x86_64": (0xC000003E, (41, 59, 322, 101, 425)),
    "aarch64": (0xC00000B7, (198, 221, 281, 117, 425)),
}
_X32_CALLS = 0x40000000  # the same calls under other numbers


def die_with_parent(parent: int) -> None:
    """Linux: be killed when the parent ends. Ends the process if that has happened already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def limit_process(limits: ParseLimits) -> None:
    """Limits for the life of the process; CPU time is set for each document."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_FSIZE, limits.scratch_bytes)
    if sys.platform == "linux":
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  read once, early
            reserved = int(file.read().split()[0]) * resource.getpagesize()
        _lower(resource.RLIMIT_AS, reserved + limits.memory_bytes + ADDRESS_SPACE_SLACK)


def limit_cpu(seconds: int) -> None:
    """From now on, so that a child's earlier documents do not count."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = spent + seconds if hard == resource.RLIM_INFINITY else min(spent + seconds, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def refuse_network_and_programs() -> bool:
    """Whether the kernel took the filter; irrevocable for this process."""
    if sys.platform != "linux" or platform.machine() not in _CALLS:
        return False
    table, calls = _CALLS[platform.machine()]
    program = _filter(table, calls)
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    passed = ctypes.create_string_buffer(header, len(header))
    result: int = libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(passed), 0, 0)
    return result == 0


def _filter(table: int, calls: tuple[int, ...]) -> bytes:
    """A program for the kernel: refuse another table's calls and those listed, allow the rest."""
    refuse_at = 5 + len(calls)  # the instruction before it allows
    steps = [
        (_LOAD, 0, 0, 4),  # which table
        (_JUMP_IF_EQUAL, 0, refuse_at - 2, table),
        (_LOAD, 0, 0, 0),  # which call
        (_JUMP_IF_AT_LEAST, refuse_at - 4, 0, _X32_CALLS),
    ]
    steps += [(_JUMP_IF_EQUAL, refuse_at - (5 + at), 0, call) for at, call in enumerate(calls)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _lower(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(what, (value, value))
