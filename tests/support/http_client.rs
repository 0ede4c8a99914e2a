//! A client that sends exactly the bytes it is given, and reads one answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Opens a connection that does not wait forever.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// A request with the lines given and an empty body.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, lines: &[&str]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\n");
    if !lines.iter().any(|line| line.to_ascii_lowercase().starts_with("host:")) {
        text.push_str(&format!("Host: {address}\r\n"));
    }
    for line in lines {
        text.push_str(&format!("{line}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// Sends bytes on a new connection and reads the answer.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> Reply {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    read_reply(&mut stream, bytes.starts_with(b"HEAD ")).unwrap()
}

/// Reads one answer; `None` where the connection ends before it.
pub(crate) fn read_reply(stream: &mut impl Read, is_head: bool) -> Option<Reply> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut reply = Reply {
        status,
        headers,
        body: Vec::new(),
    };
    if !is_head && status != 304 {
        let length = reply.header("content-length").unwrap().parse().unwrap();
        reply.body = vec![0; length];
        stream.read_exact(&mut reply.body).unwrap();
    }
    Some(reply)
}
