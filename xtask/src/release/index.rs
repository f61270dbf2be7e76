//! What a registry says of a crate: its sparse index, read over HTTP.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::sh::{Error, Result, command, output};

/// The index of the registry that Cargo publishes to by itself.
pub(crate) const CRATES_IO: &str = "sparse+https://index.crates.io/";

/// The versions of a crate that an index has, with the SHA-256 of each package.
///
/// # Errors
///
/// When the index does not answer, or with something else.
pub(crate) fn versions(index: &str, name: &str) -> Result<BTreeMap<String, String>> {
    let base = index.strip_prefix("sparse+").unwrap_or(index).trim_end_matches('/');
    let url = format!("{base}/{}", path(name));
    let failed = |why: &str| Error::new(format!("the index of the registry does not answer: {url}: {why}"));
    let (status, body) = get(&url).map_err(|e| failed(&e.to_string()))?;
    match status {
        200 => {}
        404 | 410 | 451 => return Ok(BTreeMap::new()),
        _ => return Err(failed(&format!("status {status}"))),
    }
    let mut found = BTreeMap::new();
    for line in body.lines().filter(|line| !line.is_empty()) {
        let entry: Value = serde_json::from_str(line).map_err(|e| failed(&e.to_string()))?;
        let (Some(version), Some(sum)) = (entry["vers"].as_str(), entry["cksum"].as_str()) else {
            return Err(failed("a line without version and checksum"));
        };
        found.insert(version.to_owned(), sum.to_owned());
    }
    Ok(found)
}

/// Wait until an index has a version.
///
/// # Errors
///
/// When it does not after some time.
pub(crate) fn wait_for(index: &str, name: &str, version: &str, patience: Duration) -> Result<()> {
    let start = Instant::now();
    while !versions(index, name)?.contains_key(version) {
        if start.elapsed() > patience {
            let seconds = patience.as_secs();
            return Err(Error::new(format!(
                "{name} {version} was uploaded and is not in the index after {seconds} s: run the command again later, \
                 which goes on from here"
            )));
        }
        std::thread::sleep(Duration::from_secs(1).min(patience));
    }
    Ok(())
}

/// Where an index keeps the lines of a crate.
pub(crate) fn path(name: &str) -> String {
    let name = name.to_lowercase();
    let part = |from: usize, to: usize| name.get(from..to).unwrap_or_default();
    match name.len() {
        0 => String::new(),
        1 => format!("1/{name}"),
        2 => format!("2/{name}"),
        3 => format!("3/{}/{name}", part(0, 1)),
        _ => format!("{}/{}/{name}", part(0, 2), part(2, 4)),
    }
}

/// The status and the body of an answer. What is encrypted is left to curl.
fn get(url: &str) -> Result<(u16, String)> {
    let Some(rest) = url.strip_prefix("http://") else {
        let mut curl = command("curl");
        curl.args(["--silent", "--show-error", "--location", "--max-time", "30", "--write-out", "\n%{http_code}", url]);
        let answer = output(&mut curl)?;
        let (body, status) = answer.rsplit_once('\n').unwrap_or(("", &answer));
        let status = status.trim().parse().map_err(|_| Error::new(format!("curl says {status}")))?;
        return Ok((status, body.to_owned()));
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| Error::new("no HTTP"))?;
    let status =
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| Error::new("no status"))?;
    Ok((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_index_format() {
        let names = ["a", "ab", "abc", "abcd", "Anndata-RS"];
        assert_eq!(names.map(path), ["1/a", "2/ab", "3/a/abc", "ab/cd/abcd", "an/nd/anndata-rs"]);
    }
}
