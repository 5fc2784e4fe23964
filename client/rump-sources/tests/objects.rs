//! Stores that fail, lie, or refuse, in the three dialects. That a real one is understood is seen in `tools/rump/tests`, `objects`.
#![cfg(feature = "object-store")]

mod server;

use rump_hyper::{Access, HostError};
use rump_kpi::{BlockDevice, Errno};
use rump_sources::{Options, open};
use server::{Request, SIZE, answer, check, content, serve};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// What the environment would say of a store at `place`.
fn options(place: &str, others: &[(&str, &str)]) -> Options {
    let mut options = Options { limit: Duration::from_secs(10), ..Options::default() };
    let endpoint = format!("http://{place}");
    let of_all = [
        ("AWS_ENDPOINT", &*endpoint),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ACCESS_KEY_ID", "me"),
        ("AWS_SECRET_ACCESS_KEY", "hidden"),
        ("GOOGLE_BASE_URL", &endpoint),
        ("GOOGLE_ALLOW_HTTP", "true"),
        ("GOOGLE_SKIP_SIGNATURE", "true"),
        ("AZURE_STORAGE_ENDPOINT", &endpoint),
        ("AZURE_ALLOW_HTTP", "true"),
        ("AZURE_STORAGE_ACCOUNT_NAME", "me"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "aGlkZGVu"),
    ];
    of_all.iter().chain(others).for_each(|(name, value)| options.settings.set(name, value));
    options
}

fn device(url: &str, place: &str) -> Arc<dyn BlockDevice> {
    open(url.as_bytes(), Access::Read, &options(place, &[])).unwrap()
}

fn refused(url: &str, options: &Options) -> HostError {
    open(url.as_bytes(), Access::Read, options).err().unwrap()
}

/// An answer with a text, as stores explain themselves.
fn explained(status: &str, code: &str) -> Vec<u8> {
    let text =
        format!("<Error><Code>{code}</Code><Message>Why\nnot</Message><Signed>hidden</Signed></Error>");
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len());
    (head + &text).into_bytes()
}

#[test]
fn later_requests_are_for_the_version_that_was_opened() {
    for (url, version, line, authorization) in [
        (
            "s3://box/a/d%20k",
            "x-amz-version-id: 7",
            "GET /box/a/d%20k",
            Some("aws4-hmac-sha256 credential=me/"),
        ),
        ("gs://box/a/d%20k", "x-goog-generation: 7", "GET /box/a%2Fd%20k", None),
        ("az://box/a/d%20k", "x-ms-version-id: 7", "GET /box/a/d%20k", Some("sharedkey me:")),
    ] {
        let (place, seen) = serve(move |_, request| {
            let bytes = request.partial("a");
            let (first, rest) = bytes.split_at(bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1);
            [first, version.as_bytes(), b"\r\n", rest].concat()
        });
        check(&device(url, &place));
        let seen = seen.lock().unwrap();
        assert!(seen.len() > 1);
        for (number, request) in seen.iter().enumerate() {
            assert!(request.line.starts_with(line), "{}", request.line);
            assert_eq!(request.line.contains("=7 "), number > 0, "{}", request.line);
            assert_eq!(request.field("if-match"), (number > 0).then_some("\"a\""), "{url}");
            let told = request.field("authorization");
            assert_eq!(told.is_some(), authorization.is_some(), "{url}");
            assert!(told.is_none_or(|told| told.starts_with(authorization.unwrap())), "{told:?}");
        }
    }
}

#[test]
fn what_a_second_attempt_mends_is_mended() {
    let (place, seen) = serve(|number, request| match number {
        0 => explained("503 Service Unavailable", "SlowDown"),
        2 => answer("429 Too Many Requests", ""),
        // Half of it, and then nothing.
        3 => {
            let whole = request.partial("a");
            whole[..whole.len() / 2].to_vec()
        }
        _ => request.partial("a"),
    });
    check(&device("s3://box/disk", &place));
    assert!(seen.lock().unwrap().len() > 4);
}

#[test]
fn an_object_that_changes_is_eio() {
    for (answers, why) in [
        ((|_| explained("412 Precondition Failed", "PreconditionFailed")) as fn(&Request) -> _, "changed"),
        (|_| explained("404 Not Found", "NoSuchKey"), "deleted or replaced"),
        (|_| answer("416 Range Not Satisfiable", ""), "changed"),
        (|request| request.partial("b"), "changed"),
        (|_| answer("200 OK", ""), "whole object only"),
    ] {
        for url in ["s3://box/disk", "gs://box/disk", "az://box/disk"] {
            let (place, _) = serve(
                move |number, request| if number == 0 { request.partial("a") } else { answers(request) },
            );
            let device = device(url, &place);
            device.read_at(0, &mut [0; 1000]).unwrap();
            let error = device.read_at(200_000, &mut [0; 1000]).unwrap_err();
            assert_eq!(error.errno, Errno::EIO);
            assert!(error.what.starts_with(&format!("{url}: ")) && error.what.contains(why), "{error}");
        }
    }
}

#[test]
fn what_a_store_refuses_is_told_in_its_words_and_no_others() {
    for (status, code, errno) in [
        ("404 Not Found", "NoSuchKey", Errno::ENOENT),
        ("403 Forbidden", "SignatureDoesNotMatch", Errno::EACCES),
        ("401 Unauthorized", "NoAuthenticationInformation", Errno::EACCES),
        ("400 Bad Request", "ExpiredToken", Errno::EIO),
        ("301 Moved Permanently", "PermanentRedirect", Errno::EIO),
        ("500 Internal Server Error", "InternalError", Errno::EIO),
    ] {
        for url in ["s3://box/disk", "gs://box/disk", "az://box/disk"] {
            let (place, _) = serve(move |_, _| explained(status, code));
            let error = refused(url, &options(&place, &[]));
            assert_eq!(error.errno, errno, "{}", error.what);
            let wanted = format!("{url}: the server answers {status}: {code}: Why not");
            assert!(error.what.starts_with(&wanted) && !error.what.contains("hidden"), "{}", error.what);
        }
    }
}

#[test]
fn an_object_of_nothing_is_a_device_of_nothing() {
    let (place, _) = serve(|_, _| explained("416 Requested Range Not Satisfiable", "InvalidRange"));
    assert_eq!(device("s3://box/disk", &place).size_bytes(), 0);
}

#[test]
fn no_answer_is_longer_than_what_was_asked_for() {
    let (place, _) = serve(|_, _| {
        let head = "HTTP/1.1 206 Partial Content\r\nContent-Length: 1000000000000\r\nConnection: close\r\n\
            Content-Range: bytes 0-65535/300000\r\nETag: \"a\"\r\n\r\n";
        [head.as_bytes(), &content()].concat()
    });
    let error = refused("s3://box/disk", &options(&place, &[]));
    assert!(error.what.contains("larger than"), "{}", error.what);
}

#[test]
fn silence_ends() {
    let (place, _) = serve(|_, _| {
        thread::sleep(Duration::from_secs(60));
        Vec::new()
    });
    let options = Options { limit: Duration::from_secs(1), ..options(&place, &[]) };
    let begin = Instant::now();
    let error = refused("s3://box/disk", &options);
    assert_eq!((error.errno, &*error.what), (Errno::ETIMEDOUT, "s3://box/disk: no answer in time"));
    // One second more for what is 64 KiB long, and pauses.
    assert!(begin.elapsed() < Duration::from_secs(15));
}

#[test]
fn without_credentials_that_is_what_is_said() {
    let mut none = Options { limit: Duration::from_secs(10), ..Options::default() };
    for (name, value) in [
        ("AWS_ENDPOINT", "http://127.0.0.1:1"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1"),
    ] {
        none.settings.set(name, value);
    }
    let error = refused("s3://box/disk", &none);
    assert_eq!(error.errno, Errno::EACCES);
    let wanted = "s3://box/disk: no credentials: 127.0.0.1: connection refused; the environment says them (AWS_ACCESS_KEY_ID)";
    assert!(error.what.starts_with(wanted), "{}", error.what);
}

#[test]
fn what_is_secret_goes_over_tls() {
    let (place, seen) = serve(|_, request| request.partial("a"));
    let error = refused("s3://box/disk", &options(&place, &[("AWS_ALLOW_HTTP", "false")]));
    assert_eq!(error.errno, Errno::EACCES);
    assert!(error.what.contains("AWS_ALLOW_HTTP=true"), "{}", error.what);
    assert!(seen.lock().unwrap().is_empty());
    let shown = format!("{:?}", options(&place, &[]));
    assert!(shown.contains("aws_secret_access_key") && !shown.contains("hidden"), "{shown}");
}

#[test]
fn urls_that_name_no_object_are_refused() {
    for url in ["s3://box", "s3://box/", "s3://box/a?b", "s3://box:1/a", "s3://me@box/a", "s3://box/a//b"] {
        assert_eq!(refused(url, &Options::default()).errno, Errno::EINVAL, "{url}");
    }
    let error = open(b"s3://box/disk", Access::ReadWrite, &Options::default()).err().unwrap();
    assert_eq!(error.errno, Errno::EROFS);
}

#[test]
fn many_threads_and_tasks_read_at_once() {
    let (place, _) = serve(|_, request| request.partial("a"));
    let device = device("s3://box/disk", &place);
    thread::scope(|scope| {
        for part in 0..8 {
            let device = &device;
            scope.spawn(move || {
                let mut bytes = vec![0; SIZE / 8];
                device.read_at((part * bytes.len()) as u64, &mut bytes).unwrap();
                assert!(bytes == content()[part * bytes.len()..][..bytes.len()]);
            });
        }
    });
    // Within a runtime no other begins.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let of_tasks = open(b"s3://box/disk", Access::Read, &options(&place, &[])).unwrap();
    runtime.block_on(async { check(&of_tasks) });
}
