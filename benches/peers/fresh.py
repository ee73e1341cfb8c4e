"""One run of a program: a process of its own, on a machine that is quiet, within the memory that there is.

Time is what the program says of itself; the peak of resident memory is the operating system's figure for the finished process, the same
for both sides.
"""

import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

# A run is ended while so much memory is still free: beyond that the machine itself stops.
RESERVE_MIB = 500
# Processors that others use during a run, from where it is said.
DISTURBED = 0.1
OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "memory allocation of", "MemoryError", "out of memory")


class Run(dict):
    """What became of a run: state, peak_mib, wall_seconds, output, and whatever its part reads out of the output."""

    @property
    def ok(self):
        return self["state"] == "ok"


def meminfo():
    lines = Path("/proc/meminfo").read_text().splitlines()
    return {name: int(rest.split()[0]) // 1024 for name, rest in (line.split(":") for line in lines)}


def used_seconds():
    """Seconds of all processors that were not idle, since the machine began."""
    values = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
    return (sum(values) - values[3] - values[4]) / os.sysconf("SC_CLK_TCK")


def busy_cores(seconds=1.0):
    """Processors that somebody uses, over a second."""
    before, start = used_seconds(), time.time()
    time.sleep(seconds)
    return (used_seconds() - before) / (time.time() - start)


def wait_until_quiet(patience):
    """Waits until the processors are idle; returns how busy they still are, and the load average for the record."""
    end = time.time() + patience
    busy = busy_cores()
    while busy > 0.15 and time.time() < end:
        time.sleep(4)
        busy = busy_cores()
    return round(busy, 2), os.getloadavg()[0]


def run(command, env=None, limit=3600, patience=60, log=None):
    """Runs a command without input; `log` gets one line when it is over."""
    command = [str(part) for part in command]
    busy, load = wait_until_quiet(patience)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start, used = time.time(), used_seconds()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
                                   env={**os.environ, **(env or {})})
        try:
            # If memory runs out in spite of the reserve, this one goes and nobody else.
            Path(f"/proc/{process.pid}/oom_score_adj").write_text("1000")
        except OSError:
            pass
        state, status, usage = watch(process, start + limit)
        wall = time.time() - start
        # Of all that the processors did, what was not this process's: a figure beside it counts for little.
        beside = max(0.0, used_seconds() - used - usage.ru_utime - usage.ru_stime) / wall
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    code = os.waitstatus_to_exitcode(status)
    if state == "ok" and code != 0:
        starved = code == -signal.SIGKILL or any(words in texts[1] for words in OUT_OF_MEMORY)
        state = "does not fit" if starved else "failed"
    done = Run(state=state, exit_code=code, wall_seconds=round(wall, 2), peak_mib=round(usage.ru_maxrss / 1024, 1),
               busy_before=busy, load_before=load, others_cores=round(beside, 2), stdout=texts[0], stderr=texts[1])
    if log:
        log(f"{state}, {wall:.0f} s, {done['peak_mib']:.0f} MiB" + (f", disturbed: others used {beside:.2f} processors" if beside > DISTURBED else ""))
    return done


def watch(process, end):
    """Waits for the end of the process, its time or the machine's memory: the state, and the system's account of it."""
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return "ok", status, usage
        state = None
        if meminfo()["MemAvailable"] < RESERVE_MIB:
            state = "does not fit"
        elif time.time() > end:
            state = "too long"
        if state:
            os.killpg(process.pid, signal.SIGKILL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            return state, status, usage
        time.sleep(0.1)


def last_json(text):
    """The last line that is a JSON document."""
    for line in reversed(text.strip().splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    raise ValueError("no JSON document in the output")


def words(text, *names):
    """`name value` pairs of a line, as the peers print them."""
    found = {}
    parts = text.split()
    for name, value in zip(parts, parts[1:]):
        if name in names:
            found[name] = float(value)
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"the output has no {missing[0]}")
    return found
