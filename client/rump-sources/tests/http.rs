//! The client of HTTP against servers that fail, lie, or lead elsewhere. That honest ones are understood is seen in `tests/interop`,
//! suite `sources`.
#![cfg(feature = "http")]

mod server;

use rump_hyper::Access;
use rump_kpi::{BlockDevice, Errno};
use rump_sources::{Options, open};
use server::{Request, answer, check, serve};
use std::sync::Arc;
use std::time::Duration;

fn device(url: &str) -> Arc<dyn BlockDevice> {
    let options = Options { limit: Duration::from_secs(10), ..Options::default() };
    open(url.as_bytes(), Access::Read, &options).unwrap()
}

fn refused(url: &str) -> Errno {
    open(url.as_bytes(), Access::Read, &Options::default()).err().unwrap().errno
}

#[test]
fn what_a_second_attempt_mends_is_mended() {
    let (place, seen) = serve(|number, request| match number {
        0 | 2 => answer("503 Service Unavailable", ""),
        // Half of it, and then nothing.
        3 => {
            let whole = request.partial("a");
            whole[..whole.len() / 2].to_vec()
        }
        _ => request.partial("a"),
    });
    check(&device(&format!("http://{place}/disk")));
    let seen = seen.lock().unwrap();
    let (first, _) = seen.last().unwrap().range();
    assert!(
        first > 64 << 10 && seen.iter().skip(2).all(|request| request.field("if-range") == Some("\"a\""))
    );
}

#[test]
fn an_object_that_changes_is_eio() {
    for answers in [
        |_: &Request| answer("412 Precondition Failed", ""),
        |_: &Request| answer("200 OK", ""),
        |request: &Request| request.partial("b"),
    ] {
        let (place, _) =
            serve(move |number, request| if number == 0 { request.partial("a") } else { answers(request) });
        let device = device(&format!("http://{place}/disk"));
        device.read_at(0, &mut [0; 1000]).unwrap();
        let error = device.read_at(200_000, &mut [0; 1000]).unwrap_err();
        assert_eq!(error.errno, Errno::EIO);
        assert!(error.what.contains("changed at the server"), "{error}");
    }
}

#[test]
fn answers_that_are_no_ranges_are_refused() {
    let whole = "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\nConnection: close\r\n\r\n";
    let partial = |fields: &str| {
        format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Length: 10\r\nConnection: close\r\n{fields}\r\n0123456789"
        )
    };
    for (bytes, errno) in [
        (whole.to_owned(), Errno::ENOTSUP),
        (partial("Content-Encoding: gzip\r\nContent-Range: bytes 0-9/10\r\n"), Errno::ENOTSUP),
        (partial(""), Errno::EIO),
        (partial("Content-Range: bytes 5-14/20\r\n"), Errno::EIO),
        (partial("Content-Range: bytes 0-9/*\r\n"), Errno::EIO),
        (partial("Content-Range: bytes 0-9/99999999999999999999\r\n"), Errno::EIO),
        (partial("Content-Range: bytes 0-9999999/10000000\r\n"), Errno::EIO),
        ("what is HTTP?\r\n\r\n".to_owned(), Errno::EIO),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(), Errno::ENOENT),
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_owned(), Errno::EACCES),
    ] {
        let (place, _) = serve(move |_, _| bytes.clone().into_bytes());
        assert_eq!(refused(&format!("http://{place}/disk")), errno);
    }
    let (place, _) = serve(|_, _| answer("416 Range Not Satisfiable", "Content-Range: bytes */0\r\n"));
    assert_eq!(device(&format!("http://{place}/disk")).size_bytes(), 0);
}

#[test]
fn where_one_is_led_is_remembered_and_a_password_stays() {
    let (target, at_target) = serve(|_, request| request.partial("a"));
    let to = format!("Location: http://{target}/there\r\n");
    let (place, at_first) = serve(move |_, _| answer("302 Found", &to));
    check(&device(&format!("http://{place}/disk")));
    assert_eq!(at_first.lock().unwrap().len(), 1);
    let before = at_target.lock().unwrap().len();

    check(&device(&format!("http://me:p%40ss@{place}/disk")));
    let sent = at_first.lock().unwrap();
    assert!(sent.len() > 2, "each request begins where the password is for");
    assert!(sent[1..].iter().all(|request| request.field("authorization") == Some("basic bwu6cebzcw==")));
    let at_target = at_target.lock().unwrap();
    assert!(at_target.len() > before);
    assert!(at_target.iter().all(|request| request.field("authorization").is_none()));
    assert!(at_target.iter().all(|request| request.line.starts_with("GET /there ")));
}

#[test]
fn nothing_is_written() {
    let error = open(b"http://localhost/disk", Access::ReadWrite, &Options::default()).err().unwrap();
    assert_eq!(error.errno, Errno::EROFS);
}
