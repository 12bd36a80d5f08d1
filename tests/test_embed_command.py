"""`dilviz embed` without a browser: what it writes, what it refuses, and that a refusal leaves nothing behind."""

import hashlib
import json
import os
import re
import shutil
from base64 import b64encode
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
import torch

from dilviz.assets import asset
from dilviz.cli import main
from dilviz.imitation.learners import load_policy
from dilviz.show.embed import DEMOS, MARK, make_demo, module, page
from dilviz.show.live.weights import pack_policy

HOSTILE = [
    "</p></div><script>window.ran = true</script>",
    '"><img src=x onerror="window.ran = true">',
    "--> <!-- ]]> </noscript><style>*{display:none}</style> {{ 7 }} ${7} `",
    "\x00\u2028 & &lt; \ud83d\ude80".encode("utf-16", "surrogatepass").decode("utf-16"),
    "long " * 20_000,
]


class Reader(HTMLParser):
    """The elements of a page, and the text of each kind."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.attributes, self.open = [], {}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs `dilviz embed` in an empty folder: exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        status = main(["embed", *arguments])
        return status, *capsys.readouterr()

    return call


def copied(checkpoint, folder):
    """A shipped checkpoint in a folder of the test's own."""
    shutil.copytree(asset("checkpoints", checkpoint), folder)
    return folder / "policy.safetensors"


def test_the_result_says_what_was_written_and_twice_gives_the_same_bytes(run, tmp_path):
    status, out, err = run("fork", "--out", "f.html", "--json")
    result, data = json.loads(out), (tmp_path / "f.html").read_bytes()
    assert (status, err) == (0, "")
    assert {"command", "demo", "files", "bytes", "sha256"} <= set(result)
    assert (result["demo"], result["files"], result["bytes"]) == ("fork", ["f.html"], len(data))
    assert result["sha256"] == hashlib.sha256(data).hexdigest()
    assert json.loads(run("fork", "--out", "again.html", "--json")[1])["sha256"] == result["sha256"]
    assert run("fork", "--out", "f.html")[0] == 0  # what embed wrote, embed replaces
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.html", "f.html"]


@pytest.mark.parametrize("name", DEMOS)
def test_a_page_weighs_at_most_what_the_design_allows(name):
    most = 450_000 if name == "fork" else 300_000  # bytes, with two policies and with at most one
    assert len(page(make_demo(name))) <= most
    assert len(module(make_demo(name))) <= most


@pytest.mark.parametrize("name", DEMOS)
def test_a_page_holds_all_that_it_needs_and_names_no_other_place(name):
    text = page(make_demo(name)).decode()
    read = Reader(text)
    assert text.startswith("<!doctype html>") and read.tags.count("script") == 2 and read.tags.count("style") == 1
    assert {value for name, value in read.attributes if name in ("src", "href", "srcset")} <= {"data:,"}
    assert not [value for name, value in read.attributes if name == "style" or name.startswith("on")]
    outside = set(re.findall(r"https?://[^\s\"'<]+", text)) - {"http://www.w3.org/2000/svg"}
    assert not outside
    assert not re.search(r"\b(eval|fetch|import)\(|innerHTML|XMLHttpRequest|WebSocket", text)
    assert {("lang", "en"), ("charset", "utf-8"), ("name", "viewport")} <= set(read.attributes)
    assert {"title", "h1", "noscript", "svg"} <= set(read.tags) and ("role", "main") in read.attributes


def test_the_policy_names_the_hashes_of_what_is_there():
    text = page(make_demo("noising")).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    for kind, within in {"style": r"<style>(.*?)</style>", "script": r'"module">(.*?)</script>'}.items():
        source = re.search(within, text, re.DOTALL)[1]
        digest = b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy


@pytest.mark.parametrize("caption", HOSTILE, ids=["script", "attribute", "ends", "characters", "long"])
def test_a_hostile_caption_is_text(caption):
    demo = make_demo("noising")
    plain, read = Reader(page(demo, "words").decode()), Reader(page(demo, caption).decode())
    assert read.tags == plain.tags
    assert caption in "".join(read.texts["p"])
    data = re.search(r"const demoData = (.*);\n", module(demo, caption).decode())[1]
    assert json.loads(data)["caption"] == caption and "<" not in data


def test_a_hostile_title_stays_a_title(monkeypatch):
    kind = type(make_demo("noising"))
    monkeypatch.setattr(kind, "title", "</title></script><script>window.ran = true</script>")
    monkeypatch.setattr(kind, "says", "</noscript><script>window.ran = true</script>")
    demo = make_demo("noising")
    monkeypatch.setattr(demo, "still", lambda: "<svg></svg>", raising=False)
    assert Reader(page(demo).decode()).tags.count("script") == 2


@pytest.mark.parametrize("policy", ["diffusion", "cloning"])
def test_a_checkpoint_takes_the_place_of_its_kind(policy, tmp_path):
    path = copied(f"fork-moving-{policy}", tmp_path / "mine")
    own = load_policy(path)
    with torch.no_grad():
        next(own.network.parameters()).mul_(0.5)
    own.save(path, {"task": "fork-moving", "policy": policy})
    shipped, mine, same = make_demo("fork"), make_demo("fork", str(tmp_path / "mine")), make_demo("fork", str(path))
    other = {"diffusion": "cloning", "cloning": "diffusion"}[policy]
    assert mine.values() == same.values()
    assert mine.values()[other] == shipped.values()[other] and mine.values()[policy] != shipped.values()[policy]
    assert mine.values()[policy]["network"] == pack_policy(own, ())["network"]


def test_a_policy_of_the_fork_that_stands_still_meets_its_own_companion():
    demo = make_demo("fork", str(asset("checkpoints", "fork-diffusion")))
    companion = load_policy(asset("checkpoints", "fork-cloning", "policy.safetensors"))
    assert demo.moving is False and demo.values()["cloning"] == pack_policy(companion, ())


@pytest.mark.parametrize("checkpoint", ["fork-cloning", "fork-moving-diffusion"])
def test_the_player_takes_a_policy_of_any_task(checkpoint):
    demo = make_demo("player", str(asset("checkpoints", checkpoint)))
    assert demo.demo == "player" and len(page(demo)) <= 300_000


def spoil(path, kind):
    """Makes a checkpoint one that cannot be shown."""
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[:1000])
    elif kind == "foreign":
        path.write_bytes(b"hello")
    elif kind == "missing":
        path.unlink()
    else:
        policy = load_policy(path)
        with torch.no_grad():
            next(policy.network.parameters()).view(-1)[3] = float(kind)
        policy.save(path, {"task": "fork-moving"})


@pytest.mark.parametrize("kind", ["truncated", "foreign", "missing", "nan", "inf", "-inf", "1e9"])
def test_a_spoilt_checkpoint_is_one_sentence_and_nothing_is_written(kind, run, tmp_path):
    spoil(copied("fork-moving-diffusion", tmp_path / "mine"), kind)
    before = sorted(tmp_path.rglob("*"))
    (tmp_path / "site").mkdir()
    (tmp_path / "site/hugo.toml").touch()
    for place in (["--out", "f.html"], ["--out", "f.js"], ["--hugo", "site"]):
        status, out, err = run("fork", "--checkpoint", "mine", *place)
        assert (status, out, err.count("\n")) == (2, "", 1) and err.startswith("dilviz: ")
        assert re.search(r"mine|finite", err)
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "site", tmp_path / "site/hugo.toml"])


def test_scales_that_are_not_finite_are_refused(run, tmp_path):
    path = copied("fork-moving-diffusion", tmp_path / "mine")
    policy = load_policy(path)
    policy.action_scale.low[0] = float("nan")
    policy.save(path, {"task": "fork-moving"})
    status, _, err = run("fork", "--checkpoint", "mine", "--out", "f.html")
    assert (status, err.count("\n")) == (2, 1) and not (tmp_path / "f.html").exists()


REFUSED = {
    "forks --out f.html": "demo 'forks' is unknown; take one of denoising, fork, horizon, noising, player.",
    "fork": "one of the two",
    "fork --out f.html --hugo site": "one of the two",
    "fork --out f": "ends in no .html and no .js",
    "fork --out site": "ends in no .html",
    "fork --out new/f.html": "there is no folder new",
    "fork --out file/f.html": "there is no folder file",
    "fork --out folder.html": "Is a directory",
    "fork --out mine.html": "is there already and is not made by dilviz embed",
    "fork --hugo plain": "holds no hugo.toml",
    "fork --hugo nowhere": "holds no hugo.toml",
    "fork --hugo site": "layouts cannot be written",
    "fork --hugo taken": "is there already and is not made by dilviz embed",
    "noising --checkpoint site --out f.html": "the demo noising takes no policy; leave --checkpoint out",
    "fork --checkpoint LANDER --out f.html": "that is no policy of fork",
    "fork --checkpoint nowhere --out f.html": "nowhere is no file",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_what_cannot_be_done_is_one_sentence_and_nothing_is_written(arguments, run, tmp_path):
    for folder in ("site", "plain", "folder.html", "taken/layouts/shortcodes"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("file", "mine.html", "site/hugo.toml", "site/layouts", "taken/config.yaml"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "taken/layouts/shortcodes/dilviz.html").write_text("mine")
    before = {path: path.read_bytes() if path.is_file() else None for path in tmp_path.rglob("*")}
    lander = str(asset("checkpoints", "lander-diffusion"))
    status, out, err = run(*(lander if word == "LANDER" else word for word in arguments.split()))
    said = REFUSED[arguments]
    assert (status, out, err.count("\n")) == (2, "", 1) and err.startswith("dilviz: ")
    assert said in err or (said.startswith("layouts") and "cannot be written" in err), err
    assert {path: path.read_bytes() if path.is_file() else None for path in tmp_path.rglob("*")} == before


def test_an_endless_name_is_refused(run, tmp_path):
    for arguments in (["--out", "x" * 300 + ".html"], ["--out", f"{'x' * 300}/f.html"], ["--hugo", "x" * 300]):
        status, _, err = run("noising", *arguments)
        assert (status, err.count("\n")) == (2, 1)
    assert list(tmp_path.iterdir()) == []


OTHERS = {  # files of a person's own, which hold the words of ours
    "text.html": "Words on what is made by dilviz embed.",
    "frame.html": f'<!doctype html>\n<html lang="en">\n<head>\n<title>Mine</title>\n<!-- {MARK} -->\n',
    "generator.html": f'<!doctype html>\n<html lang="en">\n<head>\n</head>\n<meta name="generator" content="{MARK}">\n',
    "second.js": f"// mine\n// {MARK}\n",
    "word.js": f"// {MARK}ded\n",
    "late.html": " " * 5000 + MARK,
    "empty.html": "",
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_that_only_speaks_of_embed_is_kept(name, run, tmp_path):
    (tmp_path / name).write_text(OTHERS[name])
    status, out, err = run("noising", "--out", name)
    assert (status, out, err.count("\n")) == (2, "", 1) and f"{name} is there already" in err
    assert (tmp_path / name).read_text() == OTHERS[name] and len(list(tmp_path.iterdir())) == 1


def test_a_shortcode_that_only_speaks_of_embed_is_kept(run, tmp_path):
    (tmp_path / "hugo.toml").touch()
    mine = tmp_path / "layouts/shortcodes/dilviz.html"
    mine.parent.mkdir(parents=True)
    mine.write_text(f"{{{{/* mine */}}}}\n{{{{- /* not {MARK} */ -}}}}\n")
    before = sorted(tmp_path.rglob("*"))
    status, _, err = run("noising", "--hugo", ".")
    assert status == 2 and "dilviz.html is there already" in err and sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["f.html", "f.js"])
def test_what_embed_wrote_is_replaced_whatever_ends_its_lines(name, run, tmp_path):
    assert run("noising", "--out", name)[0] == 0
    first = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(first.replace(b"\n", b"\r\n"))
    assert run("noising", "--out", name)[0] == 0 and (tmp_path / name).read_bytes() == first


def odd(path, kind):
    """Puts there what is no regular file."""
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"device": "/dev/full", "dangling": "nowhere", "itself": path.name}[kind])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with a name")
@pytest.mark.parametrize("kind", ["pipe", "device", "dangling", "itself"])
def test_only_a_regular_file_is_replaced(kind, run, tmp_path):
    path = tmp_path / "f.html"
    odd(path, kind)
    before = os.lstat(path)[:2]  # mode, number
    status, out, err = run("noising", "--out", "f.html")
    assert (status, out, err.count("\n")) == (2, "", 1) and "f.html is there already" in err
    assert os.lstat(path)[:2] == before and [one.name for one in tmp_path.iterdir()] == ["f.html"]


def closed(self, *arguments):
    raise PermissionError(13, "Permission denied")


def test_a_file_that_cannot_be_read_is_kept(run, tmp_path, monkeypatch):
    assert run("noising", "--out", "f.html")[0] == 0
    before = (tmp_path / "f.html").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", closed)
        status, out, err = run("noising", "--out", "f.html", "--caption", "new")
    assert (status, out, err.count("\n")) == (2, "", 1) and "f.html is there already and cannot be read" in err
    assert (tmp_path / "f.html").read_bytes() == before


UNFIT = {
    ("--out", ""): "--out is empty",
    ("--out", "a\nb.html"): r"--out holds '\n', which is no part of a line",
    ("--out", "a.html\n"): r"--out holds '\n'",
    ("--out", "a\udcff.html"): r"--out holds '\udcff'",
    ("--hugo", ""): "--hugo is empty",
    ("--hugo", "a\nb"): r"--hugo holds '\n'",
    ("--out", "f.html", "--caption", "a\udcffb"): r"--caption holds '\udcff', which is not UTF-8",
    ("--out", "f.js", "--caption", "\ud800"): r"--caption holds '\ud800'",
    ("--out", "f.html", "--checkpoint", ""): "--checkpoint is empty",
    ("--out", "f.html", "--checkpoint", "a\nb"): r"--checkpoint holds '\n'",
}


@pytest.mark.parametrize("arguments", UNFIT, ids=ascii)
def test_a_name_or_a_caption_that_cannot_be_written_down_is_refused(arguments, run, tmp_path):
    status, out, err = run("fork", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1) and UNFIT[arguments] in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x" * 300, "x/" * 3000], ids=["name", "path"])
def test_an_endless_name_of_a_checkpoint_is_refused(name, run, tmp_path):
    status, out, err = run("fork", "--checkpoint", name, "--out", "f.html")
    assert (status, out, err.count("\n")) == (2, "", 1) and re.search("cannot be read|is no file", err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ['a"b.js', "a#b%20c?.html", "a b'<&>.html", "javascript:é.html"])
def test_the_lines_of_use_name_the_file_whatever_its_name(name, run):
    status, out, _ = run("noising", "--out", name, "--json")
    line = json.loads(out)["use"][0]
    address = re.search(r'from "\./([^"]*)"' if name.endswith(".js") else r'src="([^"]*)"', line)[1]
    assert status == 0 and unquote(address) == name and re.fullmatch(r"[\w.%~-]+", address, re.ASCII)


def test_the_player_takes_no_policy_of_a_task_from_elsewhere(run, tmp_path):
    path = copied("fork-cloning", tmp_path / "mine")
    load_policy(path).save(path, {"task": "D4RL/door/human-v2"})
    status, _, err = run("player", "--checkpoint", "mine", "--out", "f.html")
    assert (status, err.count("\n")) == (2, 1) and not (tmp_path / "f.html").exists()
    assert "was trained for 'D4RL/door/human-v2'; the player takes policies of dilviz's own tasks: " in err


def test_a_disk_that_fills_up_leaves_the_old_file(run, tmp_path, monkeypatch):
    assert run("noising", "--out", "f.html")[0] == 0
    before = (tmp_path / "f.html").read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    status, _, err = run("noising", "--out", "f.html", "--caption", "new")
    assert status == 2 and "No space left on device" in err
    assert [path.name for path in tmp_path.iterdir()] == ["f.html"] and (tmp_path / "f.html").read_bytes() == before


def test_a_site_gets_the_page_the_script_and_the_shortcode(run, tmp_path):
    (tmp_path / "config.toml").write_text("")
    status, out, _ = run("noising", "--hugo", ".", "--json")
    result = json.loads(out)
    assert status == 0
    assert result["files"] == ["static/dilviz/noising.html", "static/dilviz/frame.js", "layouts/shortcodes/dilviz.html"]
    assert all(MARK in (tmp_path / name).read_text(encoding="utf-8") for name in result["files"])
    assert result["sha256"] == hashlib.sha256((tmp_path / result["files"][0]).read_bytes()).hexdigest()
    assert result["use"][0] == '{{< dilviz demo="noising" >}}' and result["use"][1].startswith("<iframe src=")
    assert run("noising", "--hugo", ".")[0] == 0  # again: what is ours is replaced
