"""What the pages of docs show works when it is pasted."""

import pathlib
import re
import subprocess

from conftest import ROOT, run


def blocks(page, language):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / "docs" / page).read_text(), re.M | re.S)
    return [text for name, text in found if name == language]


def test_the_lines_of_the_api_page_work(world, serve):
    server = serve(world).wait_ready()
    script = blocks("api.md", "sh")[0].replace("http://127.0.0.1:8080", server.url)
    # Every answer's status beside it; the one 404 is announced.
    script = re.sub(r"curl -s (?=[\"$])", "curl -s -o /dev/null -w '%{http_code}\\\\n' ", script)
    script = re.sub(r"\$\(curl -s -o /dev/null -w '[^']*' ", "$(curl -s ", script)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["200"] * 7 + ["404"] + ["200"] * 5, script + done.stdout


def test_the_purchases_of_the_import_page_are_understood_as_it_says(tmp_path):
    file, shell, said = blocks("import.md", "")[0], blocks("import.md", "sh")[0], blocks("import.md", "")[1]
    (tmp_path / "purchases.csv").write_text(file)
    command = shell.split()[1:]
    done = run(*command, cwd=pathlib.Path(tmp_path))
    assert done.returncode == 0 and done.stdout.splitlines()[0] == said.splitlines()[0]
