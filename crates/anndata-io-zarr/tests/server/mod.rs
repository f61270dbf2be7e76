//! The servers of `tests/python`, and what they saw.
//!
//! Needs a Python in `ANNDATA_PYTHON` with `moto[server]`, as `cargo xtask test` brings it; without it the tests say so and do
//! nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// Round trips that are few where one request after the other would take a hundred, also on a machine that is busy.
pub(crate) const FEW: u64 = 12;

/// A server of `tests/python` that ends with the test.
pub(crate) struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// `None` if there is no Python.
    pub(crate) fn start(script: &str, args: &[&str]) -> Option<Self> {
        let Some(python) = std::env::var_os("ANNDATA_PYTHON") else {
            eprintln!("skipped: ANNDATA_PYTHON names no Python");
            return None;
        };
        let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let script = above.map(|folder| folder.join("tests/python").join(script)).find(|path| path.is_file()).unwrap();
        let (stdin, stdout) = (Stdio::piped(), Stdio::piped());
        let mut process = Command::new(python).arg(script).args(args).stdin(stdin).stdout(stdout).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Some(Self { process, port })
    }

    pub(crate) fn http(folder: &Path, args: &[&str]) -> Option<Self> {
        Self::start("http_latency_server.py", &[&[folder.to_str().unwrap()], args].concat())
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }

    /// The requests since the last call.
    pub(crate) fn stats(&self) -> Stats {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        connection.write_all(b"GET /__stats__ HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let stats: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        let requests = stats["requests"].as_array().unwrap().iter().map(|request| request.as_str().unwrap().to_owned());
        Stats {
            requests: requests.collect(),
            most_at_once: stats["most_at_once"].as_u64().unwrap(),
            round_trips: stats["round_trips"].as_u64().unwrap(),
        }
    }
}

/// What a server saw.
#[derive(Debug)]
pub(crate) struct Stats {
    pub(crate) requests: Vec<String>,
    pub(crate) most_at_once: u64,
    /// The most requests that came after one another's end.
    pub(crate) round_trips: u64,
}
