//! As much of HTTP/1.1 as Cargo speaks with a registry: one request a connection.

use std::io::{Read, Write};

/// The longest head and the longest body that are read.
const HEAD_AT_MOST: usize = 64 << 10;
const BODY_AT_MOST: usize = 64 << 20;

/// What a client asks for.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

/// What it is told.
#[derive(Debug)]
pub(super) struct Answer {
    status: &'static str,
    header: Option<String>,
    body: Vec<u8>,
}

impl Request {
    /// The request of a connection; `None` if it breaks off or is something else.
    pub(super) fn read(stream: &mut (impl Read + Write)) -> Option<Self> {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).ok()?;
            head.extend(byte);
            if head.len() > HEAD_AT_MOST {
                return None;
            }
        }
        let head = String::from_utf8(head).ok()?;
        let mut lines = head.lines();
        let mut first = lines.next()?.split(' ');
        let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
        let headers =
            lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_lowercase(), value.trim()));
        let headers: Vec<(String, &str)> = headers.collect();
        let header = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value);
        let len: usize = header("content-length").map_or(Ok(0), str::parse).ok().filter(|len| *len <= BODY_AT_MOST)?;
        if header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
        let mut body = vec![0; len];
        stream.read_exact(&mut body).ok()?;
        Some(Self { method, path, body })
    }
}

impl Answer {
    pub(super) fn bytes(body: Vec<u8>) -> Self {
        Self { status: "200 OK", header: None, body }
    }

    pub(super) fn json(text: &str) -> Self {
        Self { header: Some("Content-Type: application/json".into()), ..Self::bytes(text.as_bytes().to_vec()) }
    }

    /// What the Web API says when it does not do something.
    pub(super) fn refusal(why: &str) -> Self {
        let body = serde_json::json!({ "errors": [{ "detail": why }] });
        Self { status: "400 Bad Request", ..Self::json(&body.to_string()) }
    }

    pub(super) fn missing() -> Self {
        Self { status: "404 Not Found", ..Self::bytes(Vec::new()) }
    }

    pub(super) fn elsewhere(url: &str) -> Self {
        Self { status: "302 Found", header: Some(format!("Location: {url}")), body: Vec::new() }
    }

    pub(super) fn write(&self, stream: &mut impl Write) -> std::io::Result<()> {
        let header = self.header.as_ref().map(|header| format!("{header}\r\n")).unwrap_or_default();
        let (status, len) = (self.status, self.body.len());
        write!(stream, "HTTP/1.1 {status}\r\n{header}Content-Length: {len}\r\nConnection: close\r\n\r\n")?;
        stream.write_all(&self.body)?;
        stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn read(text: &str) -> Option<(String, String, String)> {
        let request = Request::read(&mut Cursor::new(text.as_bytes().to_vec()))?;
        Some((request.method, request.path, String::from_utf8_lossy(&request.body).into_owned()))
    }

    #[test]
    fn requests_are_read() {
        let get = read("GET /a/b HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(get, Some(("GET".into(), "/a/b".into(), String::new())));
        let put = read("PUT /c HTTP/1.1\r\ncontent-LENGTH: 3\r\n\r\nabcd");
        assert_eq!(put, Some(("PUT".into(), "/c".into(), "abc".into())));
    }

    #[test]
    fn what_is_no_request_is_dropped() {
        for text in [
            "GET / HTTP/1.1\r\n",
            "PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc",
            "PUT / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
            "PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            "GET\r\n\r\n",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
