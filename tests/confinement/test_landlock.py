from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cave_rl.confinement import landlock
from tests.confinement.conftest import Template, needs_rung, report


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scratch")
    for name in ("mine", "theirs"):
        (path / name).mkdir()
    (path / "theirs" / "secret").write_text("42")
    return path


@pytest.fixture(scope="module")
def writing(scratch: Path) -> Iterator[Template]:
    made = Template({"require": "none", "file_size_mb": 1}, writable=(scratch,))
    yield made
    made.close()


@needs_rung("landlock")
class TestFiles:
    @pytest.mark.parametrize(
        "path", ["/etc/passwd", "/proc/self/environ", "/proc/1/environ", "/root", "/", __file__, landlock.__file__]
    )
    def test_what_is_not_on_the_list_cannot_be_read(self, template: Template, path: str) -> None:
        assert template.error(f"import os\nos.listdir({path!r}) if os.path.isdir({path!r}) else open({path!r})") in (
            "PermissionError",
            "FileNotFoundError",
        )

    def test_nothing_can_be_written_outside(self, template: Template, tmp_path: Path) -> None:
        assert template.error(f"open({str(tmp_path / 'x')!r}, 'w')") == "PermissionError"
        assert template.error("import os; open(os.__file__, 'a')") == "PermissionError"
        assert template.error("import os; open('/dev/shm/cave', 'w')") == "PermissionError"

    def test_nothing_can_be_removed_renamed_or_truncated(self, template: Template, tmp_path: Path) -> None:
        victim = tmp_path / "victim"
        victim.write_text("still here")
        for attempt in (f"os.unlink({str(victim)!r})", f"os.rename({str(victim)!r}, {str(victim)!r} + 'x')",
                        f"os.truncate({str(victim)!r}, 0)"):  # fmt: skip
            assert template.error(f"import os; {attempt}") in ("PermissionError", "OSError")
        assert victim.read_text() == "still here"

    def test_the_standard_library_can_still_be_imported(self, template: Template) -> None:
        source = "import colorsys, xml.dom.minidom, sqlite3, decimal; answer = colorsys.__file__"
        assert str(template.value(source)).endswith("colorsys.py")

    def test_dev_null_takes_what_is_written(self, template: Template) -> None:
        assert template.value("answer = open('/dev/null', 'w').write('abc')") == 3


@needs_rung("landlock")
class TestWorkdir:
    def test_its_own_is_a_place_to_work_in(self, writing: Template, scratch: Path) -> None:
        source = """
import os, shutil, sqlite3, tempfile
open('a', 'w').write('hello')
shutil.copy('a', 'b')
os.mkdir('d'); os.rename('a', 'd/a')
with sqlite3.connect('db.sqlite') as db:
    db.execute('create table t (x)'); db.execute('insert into t values (1)')
with tempfile.TemporaryDirectory(dir='.') as temporary:
    open(temporary + '/x', 'w').close()
answer = [open('b').read(), sorted(os.listdir('.'))]
"""
        assert writing.value(source, workdir=scratch / "mine") == ["hello", ["b", "d", "db.sqlite"]]

    def test_a_siblings_is_out_of_reach(self, writing: Template, scratch: Path) -> None:
        theirs = scratch / "theirs"
        for attempt in (f"open({str(theirs / 'secret')!r})", f"open({str(theirs / 'new')!r}, 'w')",
                        f"os.listdir({str(theirs)!r})", f"os.listdir({str(scratch)!r})",
                        f"open({str(scratch / 'new')!r}, 'w')", "open('../theirs/secret')"):  # fmt: skip
            assert writing.error(f"import os; {attempt}", workdir=scratch / "mine") == "PermissionError"

    def test_without_one_nothing_is_writable(self, writing: Template, scratch: Path) -> None:
        assert writing.error(f"open({str(scratch / 'mine' / 'x')!r}, 'w')") == "PermissionError"
        assert writing.error(f"open({str(scratch / 'theirs' / 'secret')!r})") == "PermissionError"

    def test_no_traps_can_be_left_in_it(self, writing: Template, scratch: Path) -> None:
        for trap in ("os.symlink('/etc/passwd', 'link')", "os.mkfifo('fifo')", "os.mknod('node', 0o60600)"):
            assert writing.error(f"import os; {trap}", workdir=scratch / "mine") == "PermissionError"

    def test_it_must_lie_beneath_a_writable_directory(self, writing: Template, tmp_path: Path, scratch: Path) -> None:
        assert "not beneath" in writing.run("", workdir=tmp_path)["text"]
        assert "not a directory" in writing.run("", workdir=scratch / "nowhere")["text"]

    def test_a_snapshot_keeps_it(self, writing: Template, scratch: Path) -> None:
        source = "answer = again(\"open('kept', 'w').write('x'); answer = open('/dev/null').read()\")"
        assert writing.value(source, workdir=scratch / "mine", tickets=1) == {"answer": ""}
        assert (scratch / "mine" / "kept").exists()


def test_scratch_inside_a_readable_directory_is_refused(tmp_path: Path) -> None:
    inside = tmp_path / "scratch"
    inside.mkdir()
    if not report().has("landlock"):
        pytest.skip("nothing to refuse without Landlock")
    made = Template({"require": "none", "readable": [str(tmp_path)]}, writable=(inside,))
    assert "keep scratch directories out of readable ones" in made.hardened["text"]
    made.close()


@needs_rung("scope")
class TestScope:
    def test_neither_parent_nor_sibling_nor_everybody_can_be_signalled(self, template: Template) -> None:
        sibling = template.fork("talk.recv(1); answer = 'alive'")
        sibling.go()
        for target in ("os.getppid()", str(sibling.pid), "1"):
            assert template.error(f"import os; os.kill({target}, 9)") == "PermissionError"
        template.value("import os; os.kill(-1, 9)")  # the kernel reports success and signals whom it may: nobody
        sibling.send(b"x")
        assert sibling.hear() == {"answer": "alive"}
        sibling.close()
        assert template.value("answer = 1") == 1

    def test_a_snapshot_cannot_signal_what_it_came_from(self, template: Template) -> None:
        reply = template.value("answer = again('import os; os.kill(os.getppid(), 9)')", tickets=1)
        assert reply["error"] == "PermissionError"

    def test_the_domains_that_stack_run_out_gracefully(self, template: Template) -> None:
        source = "from cave_rl.confinement import scope_fork; answer = [scope_fork() for _ in range(17)]"
        scoped = template.value(source)
        assert scoped[0] is True
        assert scoped[-1] is False


@needs_rung("landlock")
@pytest.mark.parametrize("abi", [1, 2, 3, 4, 5, 6])
def test_every_older_abi_still_confines(abi: int, tmp_path: Path) -> None:
    if report().landlock_abi < abi:
        pytest.skip(f"this kernel has Landlock ABI {report().landlock_abi}")
    (tmp_path / "mine").mkdir()
    made = Template({"require": "none"}, writable=(tmp_path,), abi=abi)
    assert ("scope" in made.hardened["rungs"]) == (abi >= 6)
    source = """
import os, threading, signal
def refused(f, *args):
    try:
        f(*args)
    except OSError:
        return True
    return False
open('x', 'w').write('y')
thread = threading.Thread(target=int); thread.start(); thread.join()
signal.signal(signal.SIGUSR1, signal.SIG_IGN); signal.raise_signal(signal.SIGUSR1)
answer = [open('x').read(), refused(open, '/etc/passwd'), refused(os.kill, os.getppid(), 9),
          refused(os.truncate, os.__file__, 0), refused(os.open, os.__file__, os.O_RDONLY | os.O_TRUNC)]
"""
    assert made.value(source, workdir=tmp_path / "mine") == ["y", True, True, True, True]
    made.close()


def test_rights_grow_with_the_abi() -> None:
    assert [landlock.rights_of(version).bit_length() for version in range(1, 9)] == [13, 14, 15, 15, 16, 16, 16, 16]


@pytest.mark.parametrize(
    ("readable", "writable", "expected"),
    [
        (["/usr/lib/a", "/usr/lib/b"], ["/tmp/s"], ["/usr"]),
        (["/tmp/data/x", "/usr"], ["/tmp/s"], ["/tmp/data", "/usr"]),
        (["/tmp/s-other"], ["/tmp/s"], ["/tmp/s-other"]),
        (["/a/b/c"], ["/a/x", "/a/b/y"], ["/a/b/c"]),
        (["/tmp/s/shared"], ["/tmp/s/runs"], ["/tmp/s/shared"]),
        ([], ["/tmp/s"], []),
    ],
)
def test_covers_hold_the_readable_and_none_of_the_writable(
    readable: list[str], writable: list[str], expected: list[str]
) -> None:
    assert landlock.covers(readable, writable) == expected


@pytest.mark.parametrize("path", ["/tmp", "/tmp/s", "/"])
def test_covers_refuses_what_holds_the_writable(path: str) -> None:
    with pytest.raises(ValueError, match="holds a writable one"):
        landlock.covers([path], ["/tmp/s"])
