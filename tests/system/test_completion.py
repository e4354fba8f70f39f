"""Completion as the shells themselves do it: bash, zsh (through a pseudo-terminal) and fish."""

import os
import pty
import select
import subprocess
import time

import pytest

from conftest import BIN, run


@pytest.fixture
def script(tmp_path):
    """Writes the script of a shell; its path."""

    def write(shell, name=None):
        path = tmp_path / (name or shell)
        path.write_text(run("completion", shell).stdout)
        return path

    return write


def bash_candidates(script, *words):
    """What bash offers for the last word."""
    quoted = " ".join(f"'{word}'" for word in words)
    ask = f"source {script}; COMP_WORDS=(palate {quoted}); COMP_CWORD={len(words)}; _palate; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash", "--norc", "-c", ask], capture_output=True, text=True, timeout=20)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash(script, tmp_path):
    bash = script("bash")
    assert bash_candidates(bash, "tra") == ["train"]
    assert "doctor" in bash_candidates(bash, "")
    assert "--explain" in bash_candidates(bash, "recommend", "--ex")
    assert bash_candidates(bash, "train", "--als.fac") == ["--als.factors"]
    assert bash_candidates(bash, "completion", "z") == ["zsh"]
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    assert bash_candidates(bash, "status", "--data", f"{tmp_path}/f") == [f"{tmp_path}/folder"]
    assert f"{tmp_path}/file" in bash_candidates(bash, "check", "--config", f"{tmp_path}/f")
    assert bash_candidates(bash, "recommend", "--tenant", "") == []


def fish_candidates(script, line):
    done = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"],
                          capture_output=True, text=True, timeout=30)
    assert done.stderr == ""
    return [candidate.split("\t")[0] for candidate in done.stdout.splitlines()]


def test_fish(script):
    fish = script("fish")
    assert fish_candidates(fish, "palate tra") == ["train"]
    assert "--explain" in fish_candidates(fish, "palate recommend --ex")
    assert "--als.factors" in fish_candidates(fish, "palate train --als.fac")
    assert fish_candidates(fish, "palate completion z") == ["zsh"]


def test_zsh(script, tmp_path):
    """A real zsh on a pseudo-terminal: the user types `palate tra`, presses Tab, and the line reads `palate train`."""
    script("zsh", "_palate")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve("/usr/bin/zsh", ["zsh", "-f", "-i"], {"PATH": os.environ["PATH"], "TERM": "dumb", "HOME": str(tmp_path), "PS1": "> "})

    def read_until(wanted, seconds=20):
        seen = ""
        end = time.monotonic() + seconds
        while wanted not in seen and time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                seen += os.read(terminal, 4096).decode(errors="replace")
        assert wanted in seen, seen
        return seen

    try:
        os.write(terminal, f"fpath=({tmp_path} $fpath); autoload -Uz compinit && compinit -u -d {tmp_path}/dump; echo rea''dy\n".encode())
        read_until("ready")
        os.write(terminal, b"palate tra\t")
        read_until("palate train")
        os.write(terminal, b"--als.facto\t")
        read_until("--als.factors")
    finally:
        os.close(terminal)
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def test_wrong_shell_is_told_which_there_are():
    wrong = run("completion", "tcsh")
    assert wrong.returncode == 2 and "bash" in wrong.stderr + wrong.stdout and BIN
