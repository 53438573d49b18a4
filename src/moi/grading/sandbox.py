"""Shuts a process in, on Linux: files of its own, no network, no privileges, limited resources.

:func:`enter` takes the warmed parent into a root of its own in which only the libraries stand, read-only.
:func:`enclose` then shuts each fork in further: its own processes, an empty folder, nothing that it could gain.
Both go through the kernel's own means (namespaces, capabilities, resource limits, seccomp), by ``ctypes``: a
program such as bubblewrap starts a new process, and a new process would have to import everything anew.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

HOME, TEMPORARY = "/learner/home", "/learner/tmp"  # a fork's own folders

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 0x1000, 0x4000, 0x40000
_DETACH = 2
_SYSCALLS = {  # not wrapped by every C library: pivot_root, mount_setattr, capset
    "x86_64": (155, 442, 126),
    "aarch64": (41, 442, 91),
}
_PIDFD_OPEN = 434
_SET_PDEATHSIG, _SET_DUMPABLE, _SET_SECCOMP, _CAPBSET_DROP = 1, 4, 22, 24
_SET_CHILD_SUBREAPER, _SET_NO_NEW_PRIVS = 36, 38

# Below the libraries, but none: where nbgrader keeps what is handed in, and instructors their configuration.
_CONFIGURED = (
    "/usr/local/share/nbgrader",
    *{os.path.realpath(f"{prefix}/etc/jupyter") for prefix in (sys.prefix, sys.base_prefix, "/usr/local")},
)

_libc = ctypes.CDLL(None, use_errno=True)


class NoIsolation(RuntimeError):
    """This machine cannot shut learners' code in; ``str(error)`` says why, and what to do."""


@dataclass(frozen=True)
class Limits:
    """What a learner may take. Memory and file sizes in MiB, ``processes`` counts threads too.

    ``memory`` is for each process and, as :mod:`moi.grading.watch` sees it, for all of them together.
    """

    memory: int = 2048
    address_space: int = 8192
    folder: int = 256
    file: int = 64
    processes: int | None = 128
    open_files: int = 256


def why_not() -> str | None:
    """Why isolation cannot be had on this machine at all, or None: a first, quick look."""
    if sys.platform != "linux":
        return f"it needs Linux, and this is {sys.platform}; on macOS or Windows grade in a Linux virtual machine"
    if os.uname().machine not in _SYSCALLS:
        return f"it is not written for {os.uname().machine} processors"
    try:
        _seccomp()
    except OSError:
        return "the library libseccomp is missing: install the package libseccomp2"
    return None


def enter(root: str, visible: Iterable[str], copied: Mapping[str, str], private: Iterable[str] = ()) -> None:
    """Take this process and its forks into a root of their own, mounted at the empty folder ``root``.

    Of the machine's files only ``visible`` can be read there, and the system's libraries; but no folder in which one
    of ``private`` lies, or a course. ``copied`` says under which name a folder is there as a copy, to be written to
    until :func:`close_root`. Raises :class:`NoIsolation`.
    """
    if reason := why_not():
        raise NoIsolation(f"Learners' code cannot be isolated here: {reason}.")
    _filter()  # once for all forks
    global _processes
    try:
        _processes = os.open("/proc", os.O_RDONLY)
        _unshare_as_user(_NEWNS | _NEWIPC | _NEWUTS)
        _mount(None, "/", None, _REC | _PRIVATE)
        _mount("tmpfs", root, "tmpfs", _NOSUID | _NODEV, "mode=755,size=128m")
        _furnish(root, [path for path in visible if not _holds(path, private)])
        for name, source in copied.items():
            shutil.copytree(source, root + name)
        os.chdir(root)
        _check(_libc.syscall(_SYSCALLS[os.uname().machine][0], b".", b"."), "pivot_root")
        _check(_libc.umount2(b".", _DETACH), "umount2")
        os.chdir("/")
    except OSError as failure:
        raise NoIsolation(
            f"Learners' code cannot be isolated here: the system refuses it ({failure}). Run the grader as root, or "
            "allow unprivileged user namespaces (on Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0; "
            "in a container: the seccomp and AppArmor profiles must allow unshare and mount)."
        ) from None


def close_root() -> None:
    """Make the root read-only, once everything that is to be warm has been imported."""
    _read_only("/", _RDONLY | _NOSUID, recursive=False)


def new_world() -> None:
    """Have this process, one of those that :func:`enter` has shut in, share no network and no count of processes.

    The next fork is the first process of a space of its own, which ends with it; until then no thread can be started.
    """
    _unshare_as_user(_NEWNET)
    os.close(_processes)
    _check(_libc.unshare(_NEWPID), "unshare")


_processes = -1  # /proc of the machine, which is not to be seen from inside


def _unshare_as_user(flags: int) -> None:
    """Have one's own of what ``flags`` say, without being root: in a user namespace, in which everybody counts anew."""
    user, group = os.getuid(), os.getgid()
    _check(_libc.unshare(flags | (_NEWUSER if user else 0)), "unshare")
    if user:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(os.open(f"self/{name}", os.O_WRONLY, dir_fd=_processes), "w", encoding="ascii") as file:
                file.write(text)


def fork_apart() -> int:
    """As :func:`os.fork`, but into a new process space."""
    own = _libc.syscall(_PIDFD_OPEN, os.getpid(), 0)  # not every Python has it in `os`
    _check(own, "pidfd_open")
    _check(_libc.unshare(_NEWPID), "unshare")
    child = -1
    try:
        child = os.fork()
    finally:
        if child:
            _check(_libc.setns(own, _NEWPID), "setns")
        os.close(own)
    return child


def patient_fork() -> int:
    """As :func:`os.fork`, but where there are too many processes it waits a little: some may be about to end."""
    patience = time.monotonic() + 2
    while True:
        try:
            return os.fork()
        except BlockingIOError:
            if time.monotonic() > patience:
                raise
            time.sleep(0.05)


def enclose(limits: Limits, users: Sequence[int], trusted: bool) -> None:
    """Shut in this fork, the first process of its space, and take its rights away; its working folder is empty.

    What is not ``trusted`` goes on in a child: then this process only waits, and ends with it or with its own parent,
    and so does all that the child has started. A root's fork goes on as the first of ``users`` (see
    :func:`identities`) that is to be had.
    """
    users = () if os.getuid() else users
    names = "".join(f"learner:x:{user}:{user}::{HOME}:/bin/sh\n" for user in users or (os.getuid(),))
    _check(_libc.unshare(_NEWNS | _NEWIPC), "unshare")
    _mount("tmpfs", "/learner", "tmpfs", _NOSUID | _NODEV, f"mode=755,size={limits.folder}m,nr_inodes=20000")
    for folder in (HOME, TEMPORARY, "/learner/shm"):
        os.mkdir(folder)
        os.chmod(folder, 0o777)  # whatever umask and user
    Path("/learner/passwd").write_text(names)
    os.chmod("/learner/passwd", 0o644)
    with contextlib.suppress(OSError):  # in a container; then there is no /proc, which few programs miss
        _mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC, "subset=pid")
    os.chdir(HOME)
    os.setsid()
    _give_up_everything(limits, users)
    end_with_parent()
    if trusted:
        return
    _prctl(_SET_DUMPABLE, 0)  # nobody inside may write to the memory of this process
    if learner := patient_fork():
        while True:  # as the first process of its space it inherits every orphan
            ended, status = os.wait()
            if ended == learner:
                os._exit(_status(status))
    _prctl(_SET_DUMPABLE, 1)


def without_walls(limits: Limits, folder: str) -> None:
    """In place of :func:`enclose` where the instructor has asked for it: only resources are limited.

    The working folder is a new one in ``folder``.
    """
    if sys.platform == "linux":
        end_with_parent()
    os.setsid()
    own = Path(tempfile.mkdtemp(dir=folder))
    for name, variable in (("home", "HOME"), ("tmp", "TMPDIR")):
        (own / name).mkdir()
        os.environ[variable] = str(own / name)
    os.chdir(own / "home")
    _limit(replace(limits, processes=None))  # all that the instructor has running would count


def identities(warmed: int, role: int) -> tuple[int, ...]:
    """The user as whom forks in a ``role`` (0 or 1) run, one at a time, if root's process ``warmed`` is above them.

    No other process has it. The second is for containers that have only few users.
    """
    number = 2 * warmed + role
    return 1_000_000_000 + number, 61184 + number % 4336


def _holds(path: str, private: Iterable[str]) -> bool:
    folder = Path(os.path.realpath(path))
    own = any(Path(os.path.realpath(one)).is_relative_to(folder) for one in ("/", *private))
    return own or any((folder / name).exists() for name in ("nbgrader_config.py", "gradebook.db"))


def _furnish(root: str, visible: Iterable[str]) -> None:
    for folder in ("learner", "proc", "dev", "etc"):
        os.mkdir(f"{root}/{folder}")
    os.symlink("/learner/shm", f"{root}/dev/shm")
    os.symlink("/learner/passwd", f"{root}/etc/passwd")
    for device in ("null", "zero", "full", "random", "urandom"):
        Path(root, "dev", device).touch()
        _mount(f"/dev/{device}", f"{root}/dev/{device}", None, _BIND)
    system = (
        "/usr",
        "/bin",
        "/sbin",
        "/lib",
        "/lib64",
        "/etc/ld.so.cache",
        "/etc/fonts",
        "/etc/localtime",
        "/etc/ssl/certs",
    )
    shown: list[str] = []
    for source in sorted({os.path.realpath(path) for path in (*system, *visible) if os.path.exists(path)}):
        if any(source == above or source.startswith(above + "/") for above in shown):
            continue
        shown.append(source)
        target = root + source
        if os.path.isdir(source):
            os.makedirs(target, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            Path(target).touch()
        _mount(source, target, None, _BIND | _REC)
        _read_only(target, _RDONLY | _NOSUID | _NODEV)
    for path in (*system, *visible):  # what is reached through a link is reached through it here as well
        if (
            os.path.realpath(path) != os.path.normpath(path)
            and os.path.exists(path)
            and not os.path.lexists(root + path)
        ):
            os.makedirs(os.path.dirname(root + path), exist_ok=True)
            os.symlink(os.path.realpath(path), root + path)
    for path in _CONFIGURED:
        if os.path.isdir(root + path):
            _mount("tmpfs", root + path, "tmpfs", _RDONLY | _NOSUID | _NODEV, "mode=755,size=0")
    if not os.path.lexists(f"{root}/tmp"):  # unless Python itself stands there
        os.symlink(TEMPORARY, f"{root}/tmp")


def _give_up_everything(limits: Limits, users: Sequence[int]) -> None:
    _prctl(_SET_NO_NEW_PRIVS, 1)
    _limit(limits)
    with contextlib.suppress(OSError):  # no /proc
        Path("/proc/self/oom_score_adj").write_text("1000")  # if the machine's memory ends, this ends first
    for capability in range(64):
        _libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0)
    for user in users:
        with contextlib.suppress(OSError):
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            break
    if os.getuid() == 0:
        raise PermissionError("no other user to run as")
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    _check(_libc.syscall(_SYSCALLS[os.uname().machine][2], header, none), "capset")
    _prctl(_SET_DUMPABLE, 1)
    _forbid()


def _limit(limits: Limits) -> None:
    megabyte = 1 << 20
    for name, most in (
        ("DATA", limits.memory * megabyte),
        ("AS", limits.address_space * megabyte),
        ("FSIZE", limits.file * megabyte),
        ("NPROC", limits.processes),
        ("NOFILE", limits.open_files),
        ("SIGPENDING", 1024),
        ("CORE", 1),  # not 0, with which Linux still hands a crash to a program of the machine's
        ("MEMLOCK", 0),
        ("MSGQUEUE", 0),
    ):
        what = getattr(resource, f"RLIMIT_{name}", None)
        if what is None or most is None:
            continue
        ceiling = resource.getrlimit(what)[1]
        most = most if ceiling == resource.RLIM_INFINITY else min(most, ceiling)
        with contextlib.nullcontext() if sys.platform == "linux" else contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file too large is an error of the cell, not its end


# Nothing that learners are taught calls these; each is a way to other processes, to the kernel, or to what no limit
# counts: memory, or what all processes of the machine share.
_FORBIDDEN = """
    setsid io_setup inotify_init inotify_init1 mincore cachestat preadv2 pwritev2 readahead fadvise64
    mount umount2 pivot_root chroot move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr unshare setns
    ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd
    keyctl add_key request_key bpf perf_event_open userfaultfd
    io_uring_setup io_uring_enter io_uring_register memfd_create memfd_secret
    shmget shmat shmctl shmdt msgget msgsnd msgrcv msgctl semget semop semtimedop semctl mq_open
    kexec_load kexec_file_load init_module finit_module delete_module reboot swapon swapoff syslog acct quotactl
    settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname
    open_by_handle_at name_to_handle_at fanotify_init lookup_dcookie
""".split()  # noqa: SIM905


class _Compare(ctypes.Structure):
    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def _seccomp() -> ctypes.CDLL:
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(_Compare),
    ]  # fmt: skip
    return library


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _forbid() -> None:
    program = _Program(len(_filter()) // 8, _filter())
    _check(_libc.prctl(_SET_SECCOMP, 2, ctypes.byref(program), 0, 0), "seccomp")


@functools.cache
def _filter() -> bytes:
    """The kernel's program that refuses the calls. It takes some milliseconds to make, and a fork only loads it."""
    library = _seccomp()
    allow, granted, refuse, unknown = 0x7FFF0000, 0x00050000, 0x00050000 | 1, 0x00050000 | 38  # 0, EPERM, ENOSYS
    rules = library.seccomp_init(allow)

    def rule(action: int, name: str, *compared: _Compare) -> None:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number != -1:
            library.seccomp_rule_add_array(rules, action, number, len(compared), (_Compare * len(compared))(*compared))

    for name in _FORBIDDEN:
        rule(refuse, name)
    # Locks on files that all can read would be a way to talk. Nobody shares a learner's own: each is granted.
    rule(granted, "flock")
    for command in (6, 7, 37, 38):
        rule(granted, "fcntl", _Compare(1, 7, 0xFFFFFFFF, command))  # 7: equal under a mask
    for command in (1024, 1026):  # leases and notices tell of who else reads
        rule(refuse, "fcntl", _Compare(1, 7, 0xFFFFFFFF, command))
    rule(unknown, "clone3")  # its flags cannot be looked at; the C library falls back to clone
    for flag in (0x80, _NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET, 0x2000000):
        rule(refuse, "clone", _Compare(0, 7, flag, flag))
    for family in (*range(3, 10), *range(11, 64)):  # what is neither AF_UNIX nor the internet
        rule(refuse, "socket", _Compare(0, 7, 0xFFFFFFFF, family))
    rule(refuse, "prlimit64", _Compare(1, 7, 0xFFFFFFFF, 4), _Compare(2, 1, 0, 0))  # the limit of core files stays
    rule(refuse, "setrlimit", _Compare(0, 7, 0xFFFFFFFF, 4))
    with open(os.memfd_create("filter"), "rb") as file:
        _check(library.seccomp_export_bpf(rules, file.fileno()), "seccomp_export_bpf")
        library.seccomp_release(rules)
        file.seek(0)
        return file.read()


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    given = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    _check(_libc.mount(given[0], given[1], given[2], ctypes.c_ulong(flags), given[3]), f"mount {target}")


def _read_only(target: str, flags: int, recursive: bool = True) -> None:
    wanted = (ctypes.c_uint64 * 4)(flags, 0, 0, 0)
    number = _SYSCALLS[os.uname().machine][1]
    whole = 0x8000 if recursive else 0
    here = ctypes.c_int(-100)
    result = _libc.syscall(number, here, os.fsencode(target), whole, wanted, ctypes.c_size_t(32))
    _check(result, f"mount_setattr {target}")


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), "prctl")


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def end_with_parent() -> None:
    """Let this process be killed when the one that forked it ends."""
    _prctl(_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Let this process inherit what its children leave, so that it can wait for all of them to be gone."""
    _prctl(_SET_CHILD_SUBREAPER, 1)
