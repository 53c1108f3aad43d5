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

from pipeline.parse.limits import GIB, MIB, ParseLimits

# Address space is not memory: thread stacks and allocator arenas reserve far more than they use.
ADDRESS_SPACE_SLACK = 1 * GIB
# Memory is watched from outside; what can be written to is capped from within, so that between two
# looks a child gets no further than this. What is written to is resident sooner or later.
DATA_SLACK = 256 * MIB

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
# SECCOMP_RET_ALLOW, and SECCOMP_RET_ERRNO with EPERM and with ENOSYS.
_ALLOW, _REFUSE, _UNKNOWN = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38
_LOAD, _RETURN = 0x20, 0x06
_IF_EQUAL, _IF_AT_LEAST, _IF_BITS = 0x15, 0x35, 0x45
_AT_CALL, _AT_TABLE, _AT_FIRST_ARGUMENT = (
    0,
    4,
    16,
)  # its lower half: both machines are little-endian
# Per machine: the kernel's name of its system call table, the calls to refuse (socket, execve,
# execveat, ptrace, io_uring_setup, which can open sockets too, and fork and vfork where they are
# known), clone and clone3.
_CALLS = {
    "x86_64": (0xC000003E, (41, 59, 322, 101, 425, 57, 58), 56, 435),
    "aarch64": (0xC00000B7, (198, 221, 281, 117, 425), 220, 435),
}
_CLONE_THREAD = 0x10000
_STEP = struct.Struct("HBBI")
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
            pages = [int(count) for count in file.read().split()]
        reserved, data = (pages[at] * resource.getpagesize() for at in (0, 5))
        more = max(limits.ocr_memory_bytes - limits.memory_bytes, 0) if limits.ocr else 0
        _lower(resource.RLIMIT_AS, reserved + limits.memory_bytes + ADDRESS_SPACE_SLACK, more)
        _lower(resource.RLIMIT_DATA, data + limits.memory_bytes + DATA_SLACK, more)


def allow_memory_of_ocr() -> None:
    """What `limit_process` held back, for the rest of the process's life: who recognised text is
    replaced or small again, and its memory is watched from outside."""
    if sys.platform == "linux":
        for what in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
            _, hard = resource.getrlimit(what)
            resource.setrlimit(what, (hard, hard))


def limit_cpu(seconds: int) -> None:
    """From now on, so that a child's earlier documents do not count."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = spent + seconds if hard == resource.RLIM_INFINITY else min(spent + seconds, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def add_cpu(seconds: int) -> None:
    """So much more than `limit_cpu` set."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    more = soft + seconds if hard == resource.RLIM_INFINITY else min(soft + seconds, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (more, hard))


def refuse_network_and_programs() -> bool:
    """Whether the kernel took the filter; irrevocable for this process.

    New threads are allowed, new processes are not: a child is one process to watch and to kill.
    """
    if sys.platform != "linux" or platform.machine() not in _CALLS:
        return False
    program = _filter(*_CALLS[platform.machine()])
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    passed = ctypes.create_string_buffer(header, len(header))
    result: int = libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(passed), 0, 0)
    return result == 0


def _filter(table: int, calls: tuple[int, ...], clone: int, clone3: int) -> bytes:
    """A program for the kernel: refuse another table's calls and those listed, allow the rest.

    What `clone3` is asked for cannot be seen from here; told that there is none, the C library
    takes `clone`.
    """
    # A step is (operation, operand, where to go if so, where to go if not); None is the next one.
    steps: list[tuple[int, int, int | None, int | None]] = [
        (_LOAD, _AT_TABLE, None, None),
        (_IF_EQUAL, table, None, _REFUSE),
        (_LOAD, _AT_CALL, None, None),
        (_IF_AT_LEAST, _X32_CALLS, _REFUSE, None),
        *((_IF_EQUAL, call, _REFUSE, None) for call in calls),
        (_IF_EQUAL, clone3, _UNKNOWN, None),
        (_IF_EQUAL, clone, None, _ALLOW),
        (_LOAD, _AT_FIRST_ARGUMENT, None, None),
        (_IF_BITS, _CLONE_THREAD, _ALLOW, _REFUSE),
    ]
    ends = {end: len(steps) + at for at, end in enumerate((_ALLOW, _REFUSE, _UNKNOWN))}
    program = b""
    for at, (operation, operand, *ways) in enumerate(steps):
        jumps = (0 if way is None else ends[way] - at - 1 for way in ways)
        program += _STEP.pack(operation, *jumps, operand)
    return program + b"".join(_STEP.pack(_RETURN, 0, 0, end) for end in ends)


def _lower(what: int, value: int, held_back: int = 0) -> None:
    """To `value`; the process itself may raise it by what is held back."""
    _, hard = resource.getrlimit(what)
    ceiling = value + held_back
    if hard != resource.RLIM_INFINITY:
        ceiling = min(ceiling, hard)
    resource.setrlimit(what, (min(value, ceiling), ceiling))
