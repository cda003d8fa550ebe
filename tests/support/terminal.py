#!/usr/bin/python3
# terminal.py - runs a program on a terminal of its own, and does there what a person would.
#
#	terminal.py LOG COLUMNS EVENT... -- COMMAND...
#
# Events come in order: wait:REGEX, until that is on the terminal; type:KEYS, where ^C is the key that interrupts; kill:SIGNAL, to the
# program. What the program wrote goes to LOG. Ends with its exit status, 128 more than the signal that ended it; with 99 where an
# awaited text did not come, or the terminal is not left as it was.
import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
import time

PATIENCE = 60  # seconds for an event, which only a fault uses up


def start(columns, command):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    pid = os.fork()
    if pid == 0:
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
        for fd in range(3):
            os.dup2(theirs, fd)
        os.closerange(3, 64)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execvp(command[0], command)
    os.set_blocking(ours, False)
    return ours, theirs, pid


def read(fd):
    try:
        return os.read(fd, 65536)
    except (BlockingIOError, OSError):
        return b""


def main(log, columns, rest):
    at = rest.index("--")
    ours, theirs, pid = start(int(columns), rest[at + 1 :])
    before = termios.tcgetattr(theirs)
    text, seen, status = b"", 0, None
    events = rest[:at]
    deadline = time.monotonic() + PATIENCE
    while status is None:
        text += read(ours)
        if events:
            kind, value = events[0].split(":", 1)
            if kind == "wait":
                match = re.search(value.encode(), text[seen:])
                seen += match.end() if match else 0
                done = bool(match)
            else:
                done = True
                if kind == "type":
                    os.write(ours, value.replace("^C", "\x03").encode())
                else:
                    os.kill(pid, getattr(signal, "SIG" + value))
            if done:
                events.pop(0)
                deadline = time.monotonic() + PATIENCE
                continue
        ended, raw = os.waitpid(pid, os.WNOHANG)
        if ended:
            status = os.waitstatus_to_exitcode(raw)
        elif time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            status = 99
        else:
            time.sleep(0.01)
    text += read(ours)
    with open(log, "wb") as file:
        file.write(text)
    if events or termios.tcgetattr(theirs) != before:
        print("terminal.py: %s" % (events or "the terminal is not as it was"), file=sys.stderr)
        status = 99
    sys.exit(status if status >= 0 else 128 - status)


main(sys.argv[1], sys.argv[2], sys.argv[3:])
