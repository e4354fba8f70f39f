"""src/LAYERS holds: every #include of a room is on that room's line, and every line points downwards."""

import re
from pathlib import Path

import tree

LINE = re.compile(r"^([a-z_]+) (\d+):(.*)$")


def read(root):
    """The room's level and what it may include, for each line of src/LAYERS."""
    rooms = {}
    for line in tree.text(Path(root) / "src/LAYERS").splitlines():
        match = LINE.match(line)
        if match:
            rooms[match[1]] = (int(match[2]), match[3].split())
    return rooms


def room_of(name):
    """The room of a path relative to src/, None for a file in src/ itself. models/**/train* is a room of its own."""
    parts = Path(name).parts
    if len(parts) < 2:
        return None
    if parts[0] == "models" and parts[-1].startswith("train"):
        return "models_train"
    return parts[0]


def may_include(room, target, rooms, in_test):
    """Tests may also use any lower room (a simulated world, say), and tests of models train them first."""
    if target == room or target in rooms[room][1]:
        return True
    if in_test and room == "models":
        return may_include("models_train", target, rooms, in_test)
    return in_test and rooms[target][0] < rooms[room][0]


def check_lines(rooms):
    problems = []
    for room, (level, below) in rooms.items():
        for other in below:
            if other not in rooms:
                problems.append(f"src/LAYERS: {room} names {other}, which has no line")
            elif rooms[other][0] >= level:
                problems.append(f"src/LAYERS: {room} (level {level}) names {other} (level {rooms[other][0]}); only lower")
    return problems


def check(root):
    rooms = read(root)
    problems = check_lines(rooms)
    if problems:
        return problems
    src = Path(root) / "src"
    folders = {path.name for path in src.iterdir() if path.is_dir()}
    problems += [f"src/{name}/ has no line in src/LAYERS" for name in sorted(folders - set(rooms))]
    problems += [f"src/LAYERS: {room} has no folder" for room in sorted(set(rooms) - folders - {"models_train"})]
    for path in tree.sources(root):
        name = path.relative_to(src)
        room = room_of(name)
        for included in tree.includes(path):
            target = room_of(included)
            if not (src / included).is_file():
                problems.append(f'src/{name}: "{included}" is not a file under src/ (parts go in angle brackets)')
            elif room in rooms and target in rooms:
                if "truth" in Path(included).parts[:-1] and room != target and not tree.is_check(path):
                    problems.append(f'src/{name}: "{included}" is a simulated world\'s truth, for tests and reports alone')
                if not may_include(room, target, rooms, tree.is_check(path)):
                    problems.append(f'src/{name}: room {room} may not include "{included}" of {target} (src/LAYERS)')
    return problems
