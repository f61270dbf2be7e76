//! Completions and manual pages.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::process::{Command, Output};

const SUBCOMMANDS: [&str; 18] = [
    "show",
    "convert",
    "get",
    "head",
    "stats",
    "validate",
    "diff",
    "subset",
    "transpose",
    "split",
    "concat",
    "repack",
    "create",
    "set",
    "rm",
    "mv",
    "cp",
    "completions",
];

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_anndata")).args(arguments).output().unwrap()
}

#[test]
fn every_shell_gets_every_subcommand() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let script = String::from_utf8(output.stdout).unwrap();
        for word in SUBCOMMANDS.into_iter().chain(["memory-limit", "overwrite"]) {
            assert!(script.contains(word), "{shell} lacks {word}");
        }
    }
    let output = run(&["completions", "cmd"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("invalid value 'cmd'") && said.contains("powershell"), "{said}");
}

#[test]
fn completions_that_nobody_reads_are_no_panic() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anndata"));
    let mut child = command.args(["completions", "zsh"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[cfg(unix)]
#[test]
fn bash_takes_its_completions() {
    let script = run(&["completions", "bash"]).stdout;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anndata.bash");
    std::fs::write(&path, script).unwrap();
    let complete = "source \"$0\" && COMP_WORDS=(anndata va) COMP_CWORD=1 && _anndata anndata va anndata && echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash").args(["-c", complete]).arg(&path).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "validate", "{:?}", output.stderr);
}

#[test]
fn every_subcommand_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["man", folder.path().to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(page("anndata.1").contains(".TH anndata 1"));
    for subcommand in SUBCOMMANDS {
        assert!(page(&format!("anndata-{subcommand}.1")).contains(".SH SYNOPSIS"), "{subcommand}");
    }
    let missing = folder.path().join("missing");
    let output = run(&["man", missing.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.starts_with("anndata: the output cannot be written: ") && said.lines().count() == 1, "{said}");
}
