"""Prints the name of every signal that it gets, and which were blocked when it started."""

import os
import signal

NOT_OURS = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
blocked = [number.name for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())]


def show(number: int, _frame: object) -> None:
    """One line each."""
    print(signal.Signals(number).name, flush=True)


for number in set(signal.Signals) - NOT_OURS:
    signal.signal(number, show)
print("ready", os.getpid(), os.getpgrp(), os.getsid(0), flush=True)
print("blocked", *blocked, flush=True)
while True:
    signal.pause()
