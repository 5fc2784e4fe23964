//! Servers of HTTP that answer as a test says.

use rump_kpi::BlockDevice;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Length of the object that all of them have, in bytes.
pub const SIZE: usize = 300_000;

/// A request: its line, and its other lines in lower case.
#[derive(Clone, Debug)]
pub struct Request {
    pub line: String,
    lines: Vec<String>,
}

impl Request {
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let line = lines.next()?;
        let lines = lines.take_while(|line| !line.is_empty()).map(|line| line.to_lowercase()).collect();
        Some(Self { line, lines })
    }

    /// What one of its lines says.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// First and last byte.
    pub fn range(&self) -> (usize, usize) {
        let (first, last) =
            self.field("range").unwrap().strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        (first.parse().unwrap(), last.parse::<usize>().unwrap().min(SIZE - 1))
    }

    /// An answer to it, of an object with this tag.
    pub fn partial(&self, tag: &str) -> Vec<u8> {
        let (first, last) = self.range();
        let head = format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {first}-{last}/{SIZE}\r\n\
             ETag: \"{tag}\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: close\r\n\r\n",
            last + 1 - first
        );
        [head.as_bytes(), &content()[first..=last]].concat()
    }
}

/// The object.
pub fn content() -> Vec<u8> {
    (0..SIZE as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// An answer without content.
pub fn answer(status: &str, fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n{fields}\r\n").into_bytes()
}

/// Answers each request, by its number, on a connection of its own. The server ends with the process.
pub fn serve(
    mut one: impl FnMut(usize, &Request) -> Vec<u8> + Send + 'static,
) -> (String, Arc<Mutex<Vec<Request>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
    let log = seen.clone();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let Some(request) = Request::read(&stream) else { continue };
            let bytes = one(number, &request);
            log.lock().unwrap().push(request);
            let _ = (&stream).write_all(&bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = (&stream).read(&mut [0]);
        }
    });
    (place, seen)
}

/// Whether all of the object is read.
pub fn check(device: &Arc<dyn BlockDevice>) {
    let mut bytes = vec![0; SIZE];
    device.read_at(0, &mut bytes).unwrap();
    assert!(bytes == content());
}
