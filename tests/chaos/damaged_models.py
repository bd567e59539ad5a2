"""Model files and manifests that went wrong, or were made to: each is made by a seed."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from engine.models import artefact
from engine.models.artefact import MANIFEST, MODEL, Artefact, Manifest

# --- the text ---


def damaged_text(text: bytes, rng: random.Random) -> tuple[str, bytes]:
    """What was done to it, and the text."""
    kind = rng.choice(_TEXT)
    return kind.__name__, kind(text, rng)


def truncated(text: bytes, rng: random.Random) -> bytes:
    return text[: rng.randrange(len(text))]


def truncated_at_a_line(text: bytes, rng: random.Random) -> bytes:
    ends = [match.end() for match in re.finditer(rb"\n", text)]
    return text[: rng.choice(ends)]


def bits_flipped(text: bytes, rng: random.Random) -> bytes:
    data = bytearray(text)
    for _ in range(rng.choice((1, 1, 1, 3, 20))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def block_deleted(text: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(text))
    return text[:at] + text[at + rng.randint(1, 3000) :]


def block_repeated(text: bytes, rng: random.Random) -> bytes:
    at, length = rng.randrange(len(text)), rng.randint(1, 3000)
    return text[: at + length] + text[at:]


def blocks_swapped(text: bytes, rng: random.Random) -> bytes:
    a, b, c = sorted(rng.sample(range(len(text)), 3))
    return text[:a] + text[b:c] + text[a:b] + text[c:]


def digit_changed(text: bytes, rng: random.Random) -> bytes:
    """A model that reads well and says something else."""
    at = rng.choice([match.start() for match in re.finditer(rb"[0-9]", text)])
    return text[:at] + str(rng.randrange(10)).encode() + text[at + 1 :]


def number_replaced(text: bytes, rng: random.Random) -> bytes:
    """Of any line of the trees, by one that does harm."""
    field, bad = rng.choice(_FIELDS), rng.choice(_NUMBERS)
    lines = text.decode().split("\n")
    at = [i for i, line in enumerate(lines) if line.startswith(f"{field}=") and line[len(field) + 1 :]]
    if not at:
        return digit_changed(text, rng)
    i = rng.choice(at)
    numbers = lines[i].partition("=")[2].split(" ")
    numbers[rng.randrange(len(numbers))] = bad
    lines[i] = f"{field}={' '.join(numbers)}"
    return _with_sizes("\n".join(lines)).encode()


def hostile_header(text: bytes, rng: random.Random) -> bytes:
    line, value = rng.choice(_HEADERS)
    changed = re.sub(rf"(?m)^{line}=.*$", lambda _: value, text.decode(), count=1)
    return changed.encode("utf-8", "surrogateescape")


def gigantic(text: bytes, rng: random.Random) -> bytes:
    """Lines, and numbers of lines, that a careless reader holds many times over."""
    field = rng.choice((b"leaf_value=", b"tree_sizes=", b"feature_names=", b"split_feature=", b"left_child="))
    filler = rng.choice(
        (b"1 " * 2_000_000, b"9" * 4_000_000, b" " * 4_000_000, b"\n" * 4_000_000, b"[" * 4_000_000)
    )
    return text.replace(field, field + filler, 1)


def larger_than_any(text: bytes, rng: random.Random) -> bytes:
    return text + b"\0" * (33 * 1024 * 1024)


def no_text(text: bytes, rng: random.Random) -> bytes:
    return rng.choice(
        (b"", b"\n", b"tree\n", b"\xff\xfe" + text, text.decode().encode("utf-16"), rng.randbytes(50_000))
    )


def nested_too_deep(text: bytes, rng: random.Random) -> bytes:
    """A tree that is one long path, or runs in circles."""
    depth = rng.choice((1000, 60_000, 70_000))
    circle = rng.random() < 0.5
    left = [str(i + 1) if i + 1 < depth else "-1" for i in range(depth)]
    if circle:
        left[-1] = "0"
    leaves = depth + 1
    tree = "\n".join(
        [
            *("Tree=0", f"num_leaves={leaves}", "num_cat=0"),
            "split_feature=" + " ".join(["0"] * depth),
            "threshold=" + " ".join(["0.5"] * depth),
            "decision_type=" + " ".join(["2"] * depth),
            "left_child=" + " ".join(left),
            "right_child=" + " ".join(str(-i - 2) for i in range(depth)),
            "leaf_value=" + " ".join(["0.25"] * leaves),
            *("is_linear=0", "shrinkage=1", "", ""),
        ]
    )
    head, _, rest = text.decode().partition("\nTree=0\n")
    tail = rest.partition("end of trees\n")[2]
    head = re.sub(r"tree_sizes=.*", f"tree_sizes={len(tree) + 1}", head)
    return f"{head}\n{tree}\nend of trees\n{tail}".encode()


_TEXT: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(truncated, truncated_at_a_line, bits_flipped, bits_flipped, block_deleted, block_repeated),
    *(blocks_swapped, digit_changed, digit_changed, number_replaced, number_replaced, number_replaced),
    *(hostile_header, hostile_header, gigantic, larger_than_any, no_text, nested_too_deep),
)

_FIELDS = (
    *("num_leaves", "num_cat", "split_feature", "threshold", "decision_type", "left_child", "right_child"),
    *("leaf_value", "cat_boundaries", "cat_threshold", "is_linear", "shrinkage"),
)
_NUMBERS = (
    *("-1", "-2", "0", "1", "2", "5", "157", "158", "65536", "65537", "99999", "-99999", "2147483647"),
    *("2147483648", "-2147483649", "4294967296", "9999999999", "99999999999999999999", "nan", "inf", "-inf"),
    *("1e308", "1e999", "0x7f", "1_0", "\u0661", "1.5", "1e3", ""),
)
_HEADERS = [
    ("tree_sizes", f"tree_sizes={value}")
    for value in ("", "-5", "0", "99999999999", "1 " * 1_000_000, "10 " * 9_999 + "10", "1" * 5000)
] + [
    ("num_class", "num_class=3"),
    ("num_class", "num_class=-1"),
    ("num_class", "num_class=2147483647"),
    ("num_tree_per_iteration", "num_tree_per_iteration=0"),
    ("num_tree_per_iteration", "num_tree_per_iteration=1000000"),
    ("max_feature_idx", "max_feature_idx=-1"),
    ("max_feature_idx", "max_feature_idx=2147483647"),
    ("max_feature_idx", "max_feature_idx=156"),
    ("feature_names", "feature_names=" + "a " * 1_000_000),
    ("feature_names", "feature_names=\x1b[2J"),
    ("feature_infos", "feature_infos="),
    ("objective", "objective=regression\nmonotone_constraints=" + "1 " * 500_000),
    ("objective", "objective=multiclass num_class:3"),
    ("objective", "objective=binary sigmoid:-0"),
    ("objective", "objective=binary sigmoid:1e308"),
    ("objective", "objective=poisson"),
    ("objective", "objective=\udcff\udcfe"),
    ("version", "version=v2"),
    ("version", "version=v4\nversion=v4"),
    ("label_index", "average_output"),
    ("label_index", "linear_tree=1"),
]  # fmt: skip


def _with_sizes(text: str) -> str:
    """``tree_sizes`` made right again, so that the edit itself is judged."""
    head, mark, rest = text.partition("\nTree=0\n")
    trees, end, tail = ("Tree=0\n" + rest).partition("end of trees\n")
    if not (mark and end):
        return text
    blocks = [block for block in re.split(r"(?=^Tree=\d+$)", trees, flags=re.M) if block]
    head = re.sub(r"tree_sizes=.*", "tree_sizes=" + " ".join(str(len(block)) for block in blocks), head)
    return f"{head}\n{trees}{end}{tail}"


# --- the manifest ---


def damage_manifest(found: Artefact, folder: Path, rng: random.Random) -> str:
    """Write the artefact into ``folder`` with a bad manifest, or files that it must not believe."""
    artefact.write(found, folder)
    kind = rng.choice(_MANIFEST)
    kind(found, folder, rng)
    return kind.__name__


def _bytes_damaged(found: Artefact, folder: Path, rng: random.Random) -> None:
    data = (folder / MANIFEST).read_bytes()
    for _ in range(rng.randint(1, 3)):
        data = rng.choice((truncated, bits_flipped, block_deleted, block_repeated, blocks_swapped))(data, rng)
        data = data or b"{"
    (folder / MANIFEST).write_bytes(data)


def _value_replaced(found: Artefact, folder: Path, rng: random.Random) -> None:
    """A field says something hostile; where that can be a manifest at all, its version fits again."""
    said = json.loads((folder / MANIFEST).read_bytes())
    place: Any = said
    name = rng.choice(sorted(said))
    while isinstance(place[name], dict) and place[name] and rng.random() < 0.7:
        place = place[name]
        name = rng.choice(sorted(place))
    if rng.random() < 0.1:
        del place[name]
    else:
        place[name] = rng.choice(_VALUES)
    _put(said, folder)


def _files_named(found: Artefact, folder: Path, rng: random.Random) -> None:
    said = json.loads((folder / MANIFEST).read_bytes())
    right = said["files"][MODEL]
    secret = folder.parent / "secret"
    secret.write_bytes(found.model)
    name = rng.choice((str(secret), *_NAMES))
    if rng.random() < 0.5:
        said["files"] = {name: right}
    else:
        said["files"][name] = right
    if rng.random() < 0.2:
        said["files"] = {f"f{i}": right for i in range(rng.choice((999, 1001, 20_000)))}
    if rng.random() < 0.5:
        said["kind"] = "user"
    _put(said, folder)


def _file_replaced(found: Artefact, folder: Path, rng: random.Random) -> None:
    """By what is no file, or one elsewhere that is right."""
    path = folder / rng.choice((MODEL, MANIFEST))
    data = path.read_bytes()
    elsewhere = folder.parent / f"{folder.name}-elsewhere"
    elsewhere.write_bytes(data)
    path.unlink()
    what = rng.randrange(6)
    if what == 0:
        path.symlink_to(elsewhere)
    elif what == 1:
        path.symlink_to(path.name)
    elif what == 2:
        os.mkfifo(path)
    elif what == 3:
        path.mkdir()
    elif what == 4:
        path.symlink_to(rng.choice(("/dev/zero", "/dev/full", "/proc/self/mem", "/nonexistent")))
    else:
        path.write_bytes(data)
        os.truncate(path, 50 << 30)  # a hole: it takes no room


def _said_twice(found: Artefact, folder: Path, rng: random.Random) -> None:
    text = (folder / MANIFEST).read_text()
    name, value = rng.choice(
        [("version", '"000000000000"'), ("files", '{"../x": "' + "0" * 64 + '"}'), ("horizon_bars", "1"),
         ("golden_predictions", '""'), ("kind", '"user"'), ("purge_gap_bars", "0")]
    )  # fmt: skip
    (folder / MANIFEST).write_text(text.rstrip().removesuffix("}") + f', "{name}": {value}}}\n')


def _of_another_coding(found: Artefact, folder: Path, rng: random.Random) -> None:
    text = (folder / MANIFEST).read_text()
    (folder / MANIFEST).write_bytes(
        rng.choice(
            [text.encode("utf-16"), b"\xef\xbb\xbf" + text.encode(), b"[" * 500_000, b'{"a":' * 100_000,
             text.replace('"seed"', '"s\xe9ed"').encode("latin-1"), text.encode() * 2, b" " * 1_048_577,
             text.replace("{", '{"\\ud800": 1, ', 1).encode()]
        )
    )  # fmt: skip


_MANIFEST: tuple[Callable[[Artefact, Path, random.Random], None], ...] = (
    *(_bytes_damaged, _bytes_damaged, _value_replaced, _value_replaced, _value_replaced, _value_replaced),
    *(_files_named, _files_named, _file_replaced, _file_replaced, _said_twice, _of_another_coding),
)

_NAMES = (
    *("../secret", "a/../../secret", "./model.txt", "model.txt/", "", ".", "..", "model.txt\0", "a" * 300),
    *("MODEL.TXT", MANIFEST, "model.txt/x", "ä.txt", "a/b/c/d/e/f", "-rf", "con\x1b[2J"),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2**31, 2**63 - 1, 2**63, 10**30, -(10**30), 0.5, -0.0, 5e-324, 1e308),
    *(float("nan"), float("inf"), "", "x", "A" * 100_000, "\x1b[2J\u202e", "\0", "../../../etc/passwd"),
    *([], {}, [0] * 100_000, ["sim:X"] * 20_000, [[[[]]]], {"a": {"b": {}}}, "AAAA", "A" * 54_000, [None]),
    {f"p{i}": i for i in range(2_000)},
)


def _put(said: dict[str, Any], folder: Path) -> None:
    """With the version that fits, where it is a manifest at all."""
    text = json.dumps(said).encode()
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
        said["version"] = artefact.digest(manifest)[:12]
        text = json.dumps(said).encode()
    except (msgspec.DecodeError, OverflowError, UnicodeError):
        pass
    (folder / MANIFEST).write_bytes(text)
