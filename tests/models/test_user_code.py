"""A user's file becomes a class, its model the artefact's files; what cannot be is refused in one line."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ModelError
from engine.models import user_code, user_frames, user_model
from engine.models.artefact import MAX_USER_BYTES, WIDTH
from engine.models.user_code import class_of, load_class, make, pack, parameters
from engine.models.user_frames import HEADER, PREDICTIONS, READY, REASON, Incoming, frame
from tests.models.user_artefacts import FIRST, RIDGE, user_file


def test_the_example_is_loaded_and_packed(tmp_path: Path) -> None:
    path = tmp_path / "ridge.py"
    path.write_bytes(RIDGE.read_bytes())
    path.chmod(0o600)
    kind = load_class(path)
    assert kind.__name__ == "Ridge" and parameters(kind) == {"strength": 100.0}
    model = make(kind, path)
    model.mean = model.scale = model.weights = [1.0] * WIDTH
    assert sorted(pack(path, model)) == ["data/ridge.npy", "model.py"]
    assert pack(path, model)["model.py"] == RIDGE.read_bytes()


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_class(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


FILES = {
    "": "defines no model",
    "from engine.models.user_model import UserModel": "defines no model",
    FIRST + "\nclass Second(UserModel): pass\n": "defines 2 models (First, Second)",
    "from engine.models.user_model import UserModel\nclass Half(UserModel):\n    def fit(self): pass": (
        "class Half lacks load, predict, save"
    ),
    "import nothing_of_the_kind": "ModuleNotFoundError: No module named 'nothing_of_the_kind' (line 1)",
    "x = 1\nx.y\n": "AttributeError: 'int' object has no attribute 'y' (line 2)",
    "def broken(:": "SyntaxError",
    "raise SystemExit(0)": "SystemExit",
    "\x00": "null bytes",
}


@pytest.mark.parametrize("text", FILES)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    path.chmod(0o600)
    told = refusal(path)
    assert FILES[text] in told and "mine.py" in told


def test_a_class_may_have_a_base_in_the_same_file(tmp_path: Path) -> None:
    path = user_file(tmp_path)
    path.write_text(path.read_text() + "\nclass Better(First):\n    pass\nAlias = Better\n")
    assert load_class(path).__name__ == "Better"


def test_files_of_others_and_none_at_all_are_refused(tmp_path: Path) -> None:
    path = user_file(tmp_path)
    path.chmod(0o666)
    assert "others may write to it" in refusal(path)
    assert "No such file" in refusal(tmp_path / "none.py")
    os.mkfifo(tmp_path / "pipe.py")
    assert "no regular file" in refusal(tmp_path / "pipe.py")
    path.chmod(0o600)
    path.write_bytes(b"#" * 1_000_001)
    assert "larger than" in refusal(path)


def saved(tmp_path: Path, save: str) -> dict[str, bytes]:
    body = textwrap.indent(save, "    ")
    path = user_file(tmp_path / "sources", f"def save(self, directory):\n{body}\n")
    return pack(path, make(load_class(path), path))


def test_folders_are_packed_and_nothing_is_fine_too(tmp_path: Path) -> None:
    many = """for name in ("c1", "c2"):
    folder = directory / "a" / "b" / name
    folder.mkdir(parents=True)
    (folder / "x").write_text("y")
"""
    files = saved(tmp_path, many)
    assert sorted(files) == ["data/a/b/c1/x", "data/a/b/c2/x", "model.py"]
    assert sorted(saved(tmp_path, "pass")) == ["model.py"]


SAVES = {
    "(directory / '.hidden').touch()": "'.hidden': name files with letters",
    "(directory / 'ä').touch()": "'ä': name files with letters",
    "(directory / ('x' * 101)).touch()": "name files with letters",
    "(directory / 'link').symlink_to('/etc/passwd')": "data/link, which is no plain file",
    "os.mkfifo(directory / 'pipe')": "data/pipe, which is no plain file",
    "(directory / 'a/b/c/d').mkdir(parents=True)": "at most 3 folders",
    "[(directory / name).touch() for name in ('w', 'W')]": "upper and lower case alone",
    "[(directory / str(i)).touch() for i in range(901)]": "more than 900 files",
    "os.truncate(os.open(directory / 'x', os.O_CREAT | os.O_RDWR), 1 << 40)": "or 240 MB",
    "raise KeyError('weights')": "the model's save failed: KeyError: 'weights' (line",
}


@pytest.mark.parametrize("save", SAVES)
def test_what_an_artefact_cannot_hold_is_refused(tmp_path: Path, save: str) -> None:
    with pytest.raises(ModelError) as caught:
        saved(tmp_path, save)
    assert SAVES[save] in str(caught.value) and "\n" not in str(caught.value)


def test_its_bounds_are_those_of_an_artefact() -> None:
    assert user_code.MAX_BYTES + 1_000_000 <= MAX_USER_BYTES
    assert user_code.MAX_FILES < 1000 and user_frames.WIDTH == WIDTH


PARAMETERS = {
    "3": "must be a dict",
    "{str(i): i for i in range(51)}": "at most 50",
    "{3: 1}": "is no name",
    "{'two words': 1}": "is no name",
    "{'a': None}": "neither a number",
    "{'a': [1]}": "neither a number",
    "{'a': float('nan')}": "not finite",
    "{'a': 1 << 64}": "too large",
    "{'a': 'x' * 201}": "longer than one line",
    "{'a': 'x\\ny'}": "longer than one line",
}


@pytest.mark.parametrize("given_", PARAMETERS)
def test_parameters_that_a_manifest_cannot_hold_are_refused(tmp_path: Path, given_: str) -> None:
    path = user_file(tmp_path, f"parameters = {given_}\n")
    with pytest.raises(ModelError, match=r"First\.parameters") as caught:
        parameters(load_class(path))
    assert PARAMETERS[given_] in str(caught.value)


def test_making_one_needs_no_arguments_and_prints_go_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = user_file(tmp_path, "def __init__(self, depth): pass\n")
    with pytest.raises(ModelError, match="making without arguments failed"):
        make(load_class(path), path)
    path = user_file(tmp_path, "def __init__(self): print('made')\nprint('loaded')\n")
    make(load_class(path), path)
    assert capsys.readouterr() == ("", "loaded\nmade\n")


def test_code_is_run_as_it_was_checked_without_bytecode(tmp_path: Path) -> None:
    path = user_file(tmp_path)
    assert class_of(path, path.read_bytes()) is not class_of(path, path.read_bytes())
    assert list(tmp_path.iterdir()) == [path]


# --- frames


@given(st.lists(st.integers(1, 60), max_size=30), st.integers(0, 2**64 - 1), st.integers(1, 12))
def test_frames_come_whole_in_any_pieces(sizes: list[int], number: int, rows: int) -> None:
    payload = bytes(range(8 * rows))
    for kind, content in ((PREDICTIONS, payload), (REASON, b"why")):
        whole, due, found = frame(number, kind, content), Incoming(number, rows), None
        for size in [*sizes, len(whole)]:
            part, whole = whole[:size], whole[size:]
            assert found is None or not part
            found = due.feed(part) if part else found
        assert found == (kind, content)


@given(st.binary(max_size=200), st.integers(0, 3), st.integers(0, 3))
def test_junk_is_refused_or_waited_for_and_never_more(junk: bytes, number: int, rows: int) -> None:
    due = Incoming(number, rows)
    try:
        found = due.feed(junk)
    except ModelError:
        return
    if found is None:
        assert len(junk) < HEADER.size + max(8 * rows, user_frames.MAX_REASON)
    else:
        assert frame(number, *found) == junk and found[0] in (READY, PREDICTIONS, REASON)


def test_the_documented_example_is_the_one_that_is_tested() -> None:
    assert user_model.__doc__ is not None
    shown = user_model.__doc__.split("A whole one:\n")[1].split("What it may rely on:")[0]
    _, _, code = RIDGE.read_text().partition('"""\n\n')
    assert (
        textwrap.dedent(shown).strip() == code.replace("  # noqa: RUF012 - as a user writes it", "").strip()
    )
