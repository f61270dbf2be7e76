"""Mutants of the code, all in one build: which of them no test notices. ``cargo xtask mutants`` runs this.

``cargo mutants --list`` says what to change, one place at a time. Here the changes are compiled into one copy of the
workspace, each behind a switch that an environment variable turns, so that a mutant costs the run of a few tests and
not a build. A first run of every test notes which switches it passes; a mutant is tried by the tests that pass its
switch, the fastest first, until one fails.

Usage::

    mutants.py --tree COPY --list LIST.json --package anndata-core --test anndata-tests --out RESULTS.json
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tree_sitter
import tree_sitter_rust

PROBE = '''//! Which mutant is on.
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

const LEN: usize = 16384;
static SEEN: [AtomicBool; LEN] = [const { AtomicBool::new(false) }; LEN];
static ACTIVE: OnceLock<Option<usize>> = OnceLock::new();
static LOG: OnceLock<Option<String>> = OnceLock::new();

/// Whether mutant `id` is the one that is on; notes that it was passed where `MUTANT_LOG` names a file.
#[inline(never)]
pub fn on(id: usize) -> bool {
    let active = *ACTIVE.get_or_init(|| std::env::var("MUTANT").ok().and_then(|it| it.parse().ok()));
    if let Some(active) = active {
        return active == id;
    }
    if !SEEN[id].swap(true, Ordering::Relaxed) {
        if let Some(path) = LOG.get_or_init(|| std::env::var("MUTANT_LOG").ok()) {
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
            file.write_all(format!("{id}\\n").as_bytes()).unwrap();
        }
    }
    false
}
'''

LANGUAGE = tree_sitter.Language(tree_sitter_rust.language())


class Source:
    """One file and its mutants, and the text with all of them in it."""

    def __init__(self, path, mutants):
        self.path = path
        self.text = path.read_bytes()
        self.lines = self.text.decode().split("\n")
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line.encode()) + 1)
        self.mutants = mutants
        self.tree = tree_sitter.Parser(LANGUAGE).parse(self.text)

    def offset(self, place):
        line = place["line"] - 1
        return self.starts[line] + len(self.lines[line][: place["column"] - 1].encode())

    def write(self, dropped):
        """Writes the text without `dropped`; returns what could not be placed, and the ranges of each mutant."""
        self.at = defaultdict(list)
        self.placed = set()
        for mutant in self.mutants:
            if mutant["id"] not in dropped:
                span = mutant["span"]
                self.at[mutant["genre"], self.offset(span["start"])].append(mutant)
        self.out = bytearray()
        self.ranges = []
        self.emit(self.tree.root_node)
        self.path.write_bytes(self.out)
        missing = [m["id"] for m in self.mutants if m["id"] not in dropped and m["id"] not in self.placed]
        return missing, self.ranges

    def put(self, text):
        self.out += text if isinstance(text, bytes) else text.encode()

    def marked(self, mutant, write):
        start = len(self.out)
        write()
        self.ranges.append((start, len(self.out), mutant["id"]))
        self.placed.add(mutant["id"])

    def alternatives(self, mutants, changed, plain):
        """`(if on(1) { changed } else if on(2) { changed } else { plain })`"""
        self.put("(")
        for mutant in mutants:
            def write(mutant=mutant):
                self.put(f"if ::mutant_probe::on({mutant['id']}) {{ ")
                changed(mutant)
                self.put(" }")
            self.marked(mutant, write)
            self.put(" else ")
        self.put("{ ")
        plain()
        self.put(" })")

    def children(self, node, operator=None, instead=None):
        """The text of a node, its children emitted; another `operator` where that is given."""
        at = node.start_byte
        for child in node.children:
            self.put(self.text[at : child.start_byte])
            if child == operator:
                self.put(instead)
            else:
                self.emit(child)
            at = child.end_byte
        self.put(self.text[at : node.end_byte])

    def emit(self, node):
        kind = node.type
        if kind == "macro_invocation" or kind == "macro_definition" or node.child_count == 0:
            self.put(self.text[node.start_byte : node.end_byte])
            return
        if kind == "block" and node.parent.type == "function_item":
            self.body(node)
            return
        if kind in ("binary_expression", "compound_assignment_expr"):
            operator = node.child_by_field_name("operator")
            mutants = self.at.get(("BinaryOperator", operator.start_byte), [])
            if mutants:
                changed = lambda mutant: self.children(node, operator, mutant["replacement"])
                self.alternatives(mutants, changed, lambda: self.children(node))
                return
        if kind == "unary_expression":
            mutants = self.at.get(("UnaryOperator", node.start_byte), [])
            if mutants:
                self.alternatives(mutants, lambda _: self.emit(node.children[1]), lambda: self.children(node))
                return
        if kind == "match_arm":
            self.arm(node)
            return
        if kind == "field_initializer":
            mutants = self.at.get(("StructField", node.start_byte), [])
            literal = node.parent.parent
            base = [c for c in node.parent.children if c.type == "base_field_initializer"]
            if mutants and base:
                name = node.child_by_field_name("field").text.decode()
                value = node.child_by_field_name("value")
                text = base[0].text.decode().removeprefix("..")
                if text == "Default::default()":
                    text = f"<{literal.child_by_field_name('name').text.decode()} as Default>::default()"
                self.put(f"{name}: ")
                self.alternatives(mutants, lambda _: self.put(f"({text}).{name}"), lambda: self.emit(value))
                return
        self.children(node)

    def body(self, block):
        """The body of a function, which returns early where one of its mutants is on."""
        name = block.parent.child_by_field_name("name").text.decode()
        self.put("{")
        for (genre, start), mutants in self.at.items():
            if genre != "FnValue" or not block.start_byte < start < block.end_byte:
                continue
            for mutant in mutants:
                # A function within this one has mutants of its own.
                if mutant["function"]["function_name"].split("::")[-1].split("<")[0] == name:
                    switch = f"\nif ::mutant_probe::on({mutant['id']}) {{ return {mutant['replacement']}; }}\n"
                    self.marked(mutant, lambda: self.put(switch))
        at = block.start_byte + 1
        for child in block.children[1:]:
            self.put(self.text[at : child.start_byte])
            self.emit(child)
            at = child.end_byte

    def arm(self, node):
        pattern = node.child_by_field_name("pattern")
        condition = pattern.child_by_field_name("condition")
        deleted = self.at.get(("MatchArm", node.start_byte), [])
        guards = self.at.get(("MatchArmGuard", condition.start_byte), []) if condition else []
        if not deleted and not guards:
            self.children(node)
            return
        at = node.start_byte
        for child in node.children:
            self.put(self.text[at : child.start_byte])
            if child == pattern:
                end = condition.start_byte if condition else pattern.end_byte
                inner = pattern.start_byte
                for part in pattern.children:
                    if part.start_byte >= end or part.type == "if":
                        break
                    self.put(self.text[inner : part.start_byte])
                    self.emit(part)
                    inner = part.end_byte
                if not pattern.children:
                    self.put(pattern.text)
                self.put(" if ")
                for mutant in deleted:
                    self.marked(mutant, lambda: self.put(f"!::mutant_probe::on({mutant['id']})"))
                if condition:
                    self.put(" && " if deleted else "")
                    if guards:
                        self.alternatives(guards, lambda m: self.put(m["replacement"]), lambda: self.emit(condition))
                    else:
                        self.put("(")
                        self.emit(condition)
                        self.put(")")
            else:
                self.emit(child)
            at = child.end_byte


def cargo(tree, arguments):
    done = subprocess.run(["cargo", *arguments, "--message-format", "json"], cwd=tree, capture_output=True, text=True)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return done, messages


def of(packages):
    return [word for package in packages for word in ("--package", package)]


def prepare(tree, packages):
    probe = tree / "crates/mutant-probe"
    (probe / "src").mkdir(parents=True, exist_ok=True)
    (probe / "src/lib.rs").write_text(PROBE)
    (probe / "Cargo.toml").write_text('[package]\nname = "mutant-probe"\nversion = "0.0.0"\nedition = "2021"\n')
    for package in packages:
        manifest = tree / "crates" / package / "Cargo.toml"
        text = manifest.read_text().replace("[lints]\nworkspace = true\n", "")
        if "mutant-probe" not in text:
            text = text.replace("[dependencies]\n", '[dependencies]\nmutant-probe = { path = "../mutant-probe" }\n', 1)
        manifest.write_text(text)


def build(tree, sources, packages):
    """Writes the sources again and again without what does not compile, until all does."""
    dropped = {}
    for source in sources:
        for mutant in source.mutants:
            if mutant["genre"] == "FnValue" and "impl " in mutant["function"]["return_type"]:
                dropped[mutant["id"]] = "unsupported"
    while True:
        ranges = {}
        for source in sources:
            missing, found = source.write(dropped)
            ranges[str(source.path.relative_to(tree))] = found
            for id in missing:
                dropped[id] = "not placed"
        done, messages = cargo(tree, ["check", *of(packages)])
        errors = [m["message"] for m in messages if m.get("reason") == "compiler-message" and m["message"]["level"] == "error"]
        if done.returncode == 0:
            return dropped
        before = len(dropped)
        for error in errors:
            code = (error.get("code") or {}).get("code")
            for span in error["spans"]:
                if not span["is_primary"]:
                    continue
                inner = [
                    (end - start, id)
                    for start, end, id in ranges.get(span["file_name"], [])
                    if start <= span["byte_start"] and span["byte_end"] <= end
                ]
                if inner:
                    dropped[min(inner)[1]] = "unsupported" if code == "E0015" else "does not compile"
        print(f"{len(errors)} errors, {len(dropped)} dropped", flush=True)
        if len(dropped) == before:
            for error in errors:
                print(error["rendered"])
            print(done.stderr[-3000:])
            raise SystemExit("errors that are of no mutant")


class Test:
    def __init__(self, binary, directory, name):
        self.binary, self.directory, self.name = binary, directory, name
        self.seconds = 0.0
        self.passes = set()

    def run(self, scratch, timeout, **environment):
        variables = dict(
            os.environ, TMPDIR=scratch, CARGO_MANIFEST_DIR=self.directory, INSTA_UPDATE="no",
            PROPTEST_DISABLE_FAILURE_PERSISTENCE="1", **environment,
        )
        child = subprocess.Popen(
            [self.binary, "--exact", self.name, "--test-threads", "1"], cwd=self.directory, env=variables,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30)),
        )
        try:
            return child.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return "timeout"


def tests_of(tree, packages):
    done, messages = cargo(tree, ["test", "--no-run", *of(packages)])
    if done.returncode:
        raise SystemExit(done.stderr[-6000:])
    tests = []
    for message in messages:
        if message.get("reason") == "compiler-artifact" and message.get("executable") and message["profile"]["test"]:
            binary, directory = message["executable"], str(Path(message["manifest_path"]).parent)
            listed = lambda *more: {
                line.removesuffix(": test")
                for line in subprocess.run([binary, "--list", "--format", "terse", *more], cwd=directory, capture_output=True, text=True).stdout.splitlines()
                if line.endswith(": test")
            }
            tests += [Test(binary, directory, name) for name in sorted(listed() - listed("--ignored"))]
    return tests


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--package", action="append", required=True)
    parser.add_argument("--test", action="append", default=[])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--longest", type=float, default=15, help="seconds of a test; longer ones are left out")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--earlier", type=Path, help="results of an earlier run: what was caught there is not tried again")
    options = parser.parse_args()
    tree = options.tree.resolve()

    mutants = json.loads(options.list.read_text())
    for id, mutant in enumerate(mutants):
        mutant["id"] = id
    prepare(tree, options.package)
    by_file = defaultdict(list)
    for mutant in mutants:
        by_file[mutant["file"]].append(mutant)
    sources = [Source(tree / path, found) for path, found in by_file.items()]
    dropped = build(tree, sources, options.package)
    print(Counter(dropped.values()), flush=True)
    tests = tests_of(tree, options.package + options.test)
    print(f"{len(tests)} tests", flush=True)
    root = Path(tempfile.mkdtemp(prefix="mutants"))

    def record(numbered):
        number, test = numbered
        scratch = root / f"record{number}"
        scratch.mkdir()
        log = root / f"{number}.log"
        start = time.monotonic()
        code = test.run(str(scratch), options.longest, MUTANT_LOG=str(log))
        test.seconds = time.monotonic() - start
        if code == 0 and log.exists():
            test.passes = {int(line) for line in log.read_text().split()}
        shutil.rmtree(scratch, ignore_errors=True)
        return code

    with ThreadPoolExecutor(options.jobs) as pool:
        codes = list(pool.map(record, enumerate(tests)))
    for test, code in zip(tests, codes):
        if code != 0:
            print(f"left out ({code}): {test.name}", flush=True)
    reached = defaultdict(list)
    for test in sorted(tests, key=lambda test: test.seconds):
        for id in test.passes:
            reached[id].append(test)
    print(f"recorded: {sum(t.seconds for t in tests):.0f} s of tests; {len(reached)} mutants reached", flush=True)

    ids = [m["id"] for m in mutants if m["id"] not in dropped]
    results = {id: {"outcome": why} for id, why in dropped.items()}
    if options.earlier:
        earlier = {it["name"]: it for it in json.loads(options.earlier.read_text()) if it["outcome"] in ("caught", "timeout")}
        known = {m["id"]: earlier[m["name"]] for m in mutants if m["name"] in earlier and m["id"] not in dropped}
        results |= {id: {k: it[k] for k in ("outcome", "by")} for id, it in known.items()}
        ids = [id for id in ids if id not in known]

    lock = threading.Lock()
    began = time.monotonic()
    count = 0

    def save():
        options.out.write_text(json.dumps([
            {"name": m["name"], "file": m["file"], "genre": m["genre"], **results.get(m["id"], {"outcome": "not tried"})} for m in mutants
        ], indent=1))

    def attempt(id):
        nonlocal count
        scratch = root / f"try{id}"
        scratch.mkdir()
        outcome = {"outcome": "missed", "tests": len(reached[id])}
        for test in reached[id]:
            code = test.run(str(scratch), 10 + 5 * test.seconds, MUTANT=str(id))
            if code != 0:
                outcome = {"outcome": "timeout" if code == "timeout" else "caught", "by": test.name}
                break
        shutil.rmtree(scratch, ignore_errors=True)
        with lock:
            results[id] = outcome
            count += 1
            if outcome["outcome"] == "missed":
                print(f"missed ({outcome['tests']} tests): {mutants[id]['name']}", flush=True)
            if count % 50 == 0:
                print(f"{count} of {len(ids)}, {time.monotonic() - began:.0f} s, {Counter(r['outcome'] for r in results.values())}", flush=True)
                save()

    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(attempt, ids))
    save()
    shutil.rmtree(root, ignore_errors=True)
    print(Counter(r["outcome"] for r in results.values()))


if __name__ == "__main__":
    main()
