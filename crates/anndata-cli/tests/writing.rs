//! What the command does to files where it is killed, refused or out of room, on Unix.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anndata::{AnnData, Tensor, WriteOptions};

const BIN: &str = env!("CARGO_BIN_EXE_anndata");
const SIGINT: i32 = 2;
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

/// One name per output format.
const OUTPUTS: [&str; 3] = ["out.h5ad", "out.zarr", "out.zarr.zip"];

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/demo.h5ad")
}

fn run<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Output {
    Command::new(BIN).args(arguments).current_dir(folder).output().unwrap()
}

fn succeed<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) {
    let output = run(folder, arguments);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

/// The one line of a call that fails.
fn complaint<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> String {
    refused(&run(folder, arguments))
}

fn refused(output: &Output) -> String {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr.trim_end().to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn names(folder: &Path) -> Vec<OsString> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

/// A folder with `small.h5ad` and a `large.h5ad` that takes a second and more to be compressed.
fn folder_of_inputs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(demo(), folder.path().join("small.h5ad")).unwrap();
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state
    });
    let x = Tensor::from_vec([4000, 2000], noise.take(8_000_000).collect::<Vec<_>>()).unwrap();
    let adata = AnnData::builder().x(x).build().unwrap();
    let options = WriteOptions::default().with_durable(false);
    anndata::write_h5ad_with(folder.path().join("large.h5ad"), &adata, &options).unwrap();
    folder
}

/// A conversion of the large input that has begun to write.
fn begin(folder: &Path, output: &str) -> Child {
    let before = names(folder).len();
    let arguments = ["convert", "large.h5ad", output, "--overwrite", "--compression", "gzip", "--level", "9"];
    let child = Command::new(BIN).args(arguments).current_dir(folder).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    let is_made = |name: &OsString| !name.as_bytes().starts_with(b"lock");
    let begun = || {
        let temporary = names(folder).into_iter().find(|name| name.as_bytes().starts_with(b".out"));
        temporary.is_some_and(|name| names(&folder.join(name)).iter().any(is_made))
    };
    while !begun() {
        assert!(start.elapsed() < Duration::from_mins(1), "nothing is written");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(names(folder).len(), before + 1);
    std::thread::sleep(Duration::from_millis(50));
    child
}

fn kill(child: Child, signal: i32) -> Output {
    let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    child.wait_with_output().unwrap()
}

#[test]
fn a_signal_ends_the_command_and_leaves_nothing_but_the_old_output() {
    let inputs = folder_of_inputs();
    let folder = inputs.path();
    for (output, signal) in [("out.h5ad", SIGINT), ("out.zarr", SIGTERM), ("out.zarr.zip", SIGINT)] {
        succeed(folder, &["convert", "small.h5ad", output]);
        let old = anndata::open(folder.join(output)).unwrap().children().unwrap();
        let before = names(folder);
        let ended = kill(begin(folder, output), signal);
        assert_eq!((ended.status.signal(), text(&ended.stderr)), (Some(signal), String::new()), "{output}");
        assert_eq!(names(folder), before, "{output}");
        assert_eq!(anndata::open(folder.join(output)).unwrap().children().unwrap(), old);
    }
}

#[test]
fn what_a_kill_leaves_is_removed_by_the_next_write_to_the_same_output() {
    let inputs = folder_of_inputs();
    let folder = inputs.path();
    let mut outputs = Vec::new();
    for output in OUTPUTS {
        let before = names(folder);
        let ended = kill(begin(folder, output), SIGKILL);
        assert_eq!(ended.status.signal(), Some(SIGKILL));
        assert_eq!(names(folder).len(), before.len() + 1, "the temporary folder is left");
        succeed(folder, &["convert", "small.h5ad", output]);
        outputs.push(OsString::from(output));
        assert_eq!(names(folder), [["large.h5ad".into()].as_slice(), &outputs, &["small.h5ad".into()]].concat());
    }
}

#[test]
fn a_living_writer_keeps_what_it_makes() {
    let inputs = folder_of_inputs();
    let folder = inputs.path();
    let child = begin(folder, "out.h5ad");
    succeed(folder, &["convert", "small.h5ad", "out.h5ad"]);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    // The last one wins.
    let written = anndata::open_backed(folder.join("out.h5ad"), anndata::Mode::Read).unwrap();
    assert_eq!(written.shape(), (4000, 2000));
    assert_eq!(names(folder), ["large.h5ad", "out.h5ad", "small.h5ad"]);
}

#[test]
fn no_room_is_an_error_of_the_output_and_leaves_nothing() {
    let inputs = tempfile::tempdir().unwrap();
    let folder = inputs.path();
    for output in OUTPUTS {
        for limit in ["8", "0"] {
            // Blocks of 512 bytes: a file that becomes longer is a signal, and where that is ignored an error.
            let script = format!("ulimit -f {limit}; exec \"$0\" convert \"$1\" {output}");
            let mut command = Command::new("sh");
            let ended = command.args(["-c", &script, BIN]).arg(demo()).current_dir(folder).output().unwrap();
            let line = refused(&ended);
            assert!(line.starts_with(&format!("anndata: {output}: ")), "{line}");
            assert!(line.contains("File too large"), "{line}");
            assert!(names(folder).is_empty(), "{output}: {:?}", names(folder));
        }
    }
}

#[test]
fn no_threads_is_an_error_of_one_line() {
    let demo = demo();
    // Stacks so large that few fit, and that memory is left when the next one does not.
    let script = "ulimit -v 1000000; RUST_MIN_STACK=400000000 RAYON_NUM_THREADS=8 exec \"$0\" validate \"$1\"";
    let line = refused(&Command::new("sh").args(["-c", script, BIN]).arg(demo).output().unwrap());
    assert!(line.starts_with("anndata: no threads can be started: "), "{line}");
}

#[test]
fn permissions_of_an_overwritten_output_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (demo, mode) = (demo(), |path: &Path| fs::metadata(path).unwrap().mode() & 0o777);
    for output in OUTPUTS {
        let path = folder.join(output);
        let convert = |more: &[&str]| {
            let start = ["convert".as_ref(), demo.as_os_str(), output.as_ref()];
            succeed(folder, &start.into_iter().chain(more.iter().map(OsStr::new)).collect::<Vec<_>>());
        };
        convert(&[]);
        let private = mode(&path) & 0o700;
        fs::set_permissions(&path, fs::Permissions::from_mode(private)).unwrap();
        convert(&["--overwrite"]);
        assert_eq!(mode(&path), private, "{output}");
    }
}

#[test]
fn what_is_no_file_is_refused_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let demo = demo();
    let _socket = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
    for output in OUTPUTS {
        symlink("socket", folder.join(output)).unwrap();
        let line = complaint(folder, &["convert".as_ref(), demo.as_os_str(), output.as_ref(), "--overwrite".as_ref()]);
        assert!(line.starts_with(&format!("anndata: {output}: it is neither a file nor a folder")), "{line}");
        assert!(folder.join(output).is_symlink());
    }
    fs::create_dir(folder.join("folder.h5ad")).unwrap();
    let line =
        complaint(folder, &["convert".as_ref(), demo.as_os_str(), "folder.h5ad".as_ref(), "--overwrite".as_ref()]);
    assert_eq!(line, "anndata: folder.h5ad: it is a folder, which a file does not replace");
    fs::create_dir(folder.join("folder.zarr")).unwrap();
    let line =
        complaint(folder, &["convert".as_ref(), demo.as_os_str(), "folder.zarr".as_ref(), "--overwrite".as_ref()]);
    assert_eq!(line, "anndata: folder.zarr: it is not a zarr store, and is not replaced by one");
}

#[test]
fn links_and_names_of_any_kind_are_outputs_of_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let demo = demo();
    let mut written = 0;
    for output in OUTPUTS {
        // A link that leads nowhere yet.
        let (link, target) = (folder.join(format!("link-{output}")), folder.join(format!("target-{output}")));
        symlink(&target, &link).unwrap();
        succeed(folder, &["convert".as_ref(), demo.as_os_str(), link.as_os_str()]);
        assert!(link.is_symlink() && target.exists() && !target.is_symlink());
        // The longest names that there are, and some that leave little room.
        for len in [236, 255] {
            let name = format!("{}{output}", "n".repeat(len - output.len()));
            succeed(folder, &["convert".as_ref(), demo.as_os_str(), name.as_ref()]);
            succeed(folder, &["convert".as_ref(), demo.as_os_str(), name.as_ref(), "--overwrite".as_ref()]);
        }
        // A name that is not UTF-8.
        let name = [b"a\xff".as_slice(), output.as_bytes()].concat();
        succeed(folder, &["convert".as_ref(), demo.as_os_str(), OsStr::from_bytes(&name)]);
        succeed(folder, &["show".as_ref(), OsStr::from_bytes(&name)]);
        written += 5;
        assert_eq!(names(folder).len(), written);
    }
}

#[test]
fn an_output_may_be_the_input_and_neither_may_be_within_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let demo = demo();
    for output in OUTPUTS {
        succeed(folder, &["convert".as_ref(), demo.as_os_str(), output.as_ref()]);
        assert!(complaint(folder, &["convert", output, output]).contains("--overwrite"));
        succeed(folder, &["convert", output, output, "--overwrite", "--compression", "gzip"]);
        let root = anndata::open(folder.join(output)).unwrap();
        let written = anndata::io::read_anndata(&root, &anndata::io::ElemReadOptions::default()).unwrap();
        assert_eq!(written, anndata::read_h5ad(&demo).unwrap(), "{output}");
    }
    let line = complaint(folder, &["convert", "out.zarr", "out.zarr/obs/inner.h5ad"]);
    assert_eq!(line, "anndata: out.zarr/obs/inner.h5ad: it would be written into the input");
    fs::rename(folder.join("out.h5ad"), folder.join("out.zarr/inner.h5ad")).unwrap();
    let line = complaint(folder, &["convert", "out.zarr/inner.h5ad", "out.zarr", "--overwrite"]);
    assert_eq!(line, "anndata: out.zarr: the input is in it, and would be lost");
    assert_eq!(names(folder), ["out.zarr", "out.zarr.zip"]);
}

#[test]
fn errors_name_the_file_that_they_are_about() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let damaged = demo().with_file_name("malformed/garbage-chunk.h5ad");
    let damaged = damaged.to_str().unwrap();
    let small = demo();
    let small = small.to_str().unwrap();
    for arguments in [
        &["convert", damaged, "out.zarr"][..],
        &["concat", "out.h5ad", small, damaged, "--in-memory", "--uns-merge", "first"],
        &["concat", "out.h5ad", small, damaged, "--uns-merge", "first"],
    ] {
        let line = complaint(folder, arguments);
        assert!(line.starts_with(&format!("anndata: {damaged}: uns/zipped: ")), "{line}");
    }
    for output in ["no/out.h5ad", "no/out.zarr", "no/out.zarr.zip"] {
        let concat = ["concat", output, small];
        for arguments in [&["convert", small, output][..], &concat, &["concat", output, small, "--in-memory"]] {
            let line = complaint(folder, arguments);
            assert_eq!(line, format!("anndata: {output}: No such file or directory (os error 2)"));
        }
    }
    assert!(names(folder).is_empty());
}
