//! `rump net wget` over the sockets of the host, without privilege: servers of this test say what is to be seen; curl and
//! Python's server, where they are there, say what is right.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// A folder, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rump-wget-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The command in this folder, with its end awaited.
    fn wget(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rump"));
        command.args(["net", "wget", "--if", "sockin"]).args(words).current_dir(&self.0);
        command.output().unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn content(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.join(name)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("it died: {output:?}"))
}

/// Answers one connection after the other, each as it is told to, and then closes it; hears what was asked.
fn serve(at: &str, responses: Vec<Vec<u8>>) -> (SocketAddr, Receiver<Vec<String>>) {
    let listener = TcpListener::bind(at).unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, heard) = channel();
    std::thread::spawn(move || {
        for response in responses {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
            // In pieces, so that no border of what is read is one of what is meant.
            for piece in response.chunks(1000) {
                // Who was told enough goes away.
                let _ = stream.write_all(piece);
            }
            let _ = asked.send(head);
        }
    });
    (address, heard)
}

fn response(status: &str, headers: &str, content: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {status}\r\n{headers}\r\n").as_bytes(), content].concat()
}

fn whole(content: &[u8]) -> Vec<u8> {
    response("200 OK", &format!("Content-Length: {}\r\n", content.len()), content)
}

fn numbers(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 8) as u8).collect()
}

#[test]
fn a_file_is_saved_under_its_name() {
    let folder = Folder::new("name");
    let content = numbers(300_000);
    let (at, asked) = serve("127.0.0.1:0", vec![whole(&content)]);
    let output = folder.wget(&["--json", &format!("http://localhost:{}/a/b.img?c#d", at.port())]);
    assert_eq!(status(&output), 0, "{output:?}");
    assert_eq!((folder.names(), folder.content("b.img")), (vec!["b.img".into()], content));
    let record = String::from_utf8(output.stdout).unwrap();
    assert!(record.contains("\"bytes\":300000") && record.contains("\"status\":200"), "{record}");
    let head = asked.recv().unwrap();
    assert_eq!(head[0], "GET /a/b.img?c HTTP/1.1");
    assert!(head.contains(&format!("Host: localhost:{}", at.port())), "{head:?}");
    // It is not overwritten unasked.
    let again = folder.wget(&[&format!("http://{at}/b.img")]);
    assert_eq!(status(&again), 3, "{again:?}");
}

#[test]
fn content_ends_in_three_ways() {
    let folder = Folder::new("ends");
    let content = numbers(100_000);
    let mut chunked = Vec::new();
    for chunk in content.chunks(33_333) {
        chunked.extend(format!("{:x};extension=\"1\"\r\n", chunk.len()).as_bytes());
        chunked.extend(chunk);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\nTrailer: 1\r\n\r\n");
    let interim = response("100 Continue", "", b"");
    let responses = vec![
        whole(&content),
        [interim, response("200 OK", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", &chunked)]
            .concat(),
        response("200 OK", "", &content),
    ];
    let count = responses.len();
    let (at, _asked) = serve("127.0.0.1:0", responses);
    for _ in 0..count {
        let output = folder.wget(&["-q", "-O", "-", &format!("http://{at}/")]);
        assert_eq!((status(&output), output.stdout.len()), (0, content.len()));
        assert!(output.stdout == content);
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn an_address_of_ipv6_is_reached() {
    let folder = Folder::new("ipv6");
    let (at, asked) = serve("[::1]:0", vec![whole(b"six")]);
    let output = folder.wget(&["-O", "-", &format!("http://{at}/")]);
    assert_eq!((status(&output), &output.stdout[..]), (0, &b"six"[..]), "{output:?}");
    assert!(asked.recv().unwrap().contains(&format!("Host: {at}")));
}

#[test]
fn redirections_are_followed_ten_times() {
    let folder = Folder::new("redirected");
    let to = |location: &str| {
        response("302 Found", &format!("Location: {location}\r\nContent-Length: 0\r\n"), b"")
    };
    let (at, asked) = serve("127.0.0.1:0", vec![to("../c/d?e"), to("/f"), whole(b"found")]);
    let output = folder.wget(&["-O", "-", &format!("http://{at}/a/b/x")]);
    assert_eq!((status(&output), &output.stdout[..]), (0, &b"found"[..]), "{output:?}");
    let paths: Vec<String> = asked.iter().take(3).map(|head| head[0].clone()).collect();
    assert_eq!(paths, ["GET /a/b/x HTTP/1.1", "GET /a/c/d?e HTTP/1.1", "GET /f HTTP/1.1"]);
    let (at, asked) = serve("127.0.0.1:0", vec![to("/again"); 20]);
    let output = folder.wget(&["-O", "-", &format!("http://{at}/")]);
    assert_eq!(status(&output), 8, "{output:?}");
    assert_eq!(asked.try_iter().count(), 11);
    let (at, _asked) = serve("127.0.0.1:0", vec![to("https://example.com/")]);
    assert_eq!(status(&folder.wget(&["-O", "-", &format!("http://{at}/")])), 7);
}

#[test]
fn what_went_wrong_is_the_exit_status() {
    let folder = Folder::new("wrong");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(status(&folder.wget(&[&format!("http://{nobody}/")])), 4);
    assert_eq!(status(&folder.wget(&["http://name.invalid/"])), 4);
    assert_eq!(status(&folder.wget(&["ftp://localhost/"])), 2);
    assert_eq!(status(&folder.wget(&["-O", "missing/file", "http://localhost/"])), 3);
    for (answer, expected) in [
        (response("404 Not Found", "Content-Length: 3\r\n", b"no!"), 8),
        (response("500 Broken", "", b""), 8),
        (response("401 Unauthorized", "WWW-Authenticate: Basic\r\n", b""), 6),
        (b"220 this is no web server\r\n".to_vec(), 7),
        (response("200 OK", "Content-Length: 5, 6\r\n", b"12345"), 7),
        (response("200 OK", "Content-Length: 5\r\nContent-Length: 6\r\n", b"12345"), 7),
        (response("200 OK", "Content-Length: -1\r\n", b""), 7),
        (response("200 OK", "Transfer-Encoding: gzip\r\n", b""), 7),
        (response("200 OK", "Transfer-Encoding: chunked\r\n", b"5\r\n123456\r\n0\r\n\r\n"), 7),
        (response("200 OK", "Transfer-Encoding: chunked\r\n", b"+5\r\n12345\r\n0\r\n\r\n"), 7),
        (response("200 OK", "Transfer-Encoding: chunked\r\n", b"fffffffffffffffff\r\n"), 7),
        (response("200 OK", "Transfer-Encoding: chunked\r\n", b"5\r\n123"), 4),
        (response("200 OK", "Content-Length: 9\r\n", b"123"), 4),
        (response("200 OK", &format!("X: {}\r\n", "x".repeat(100_000)), b""), 7),
        (b"".to_vec(), 4),
    ] {
        let text = String::from_utf8_lossy(&answer[..answer.len().min(99)]).into_owned();
        let (at, _asked) = serve("127.0.0.1:0", vec![answer]);
        let output = folder.wget(&["-O", "file", &format!("http://{at}/")]);
        assert_eq!(status(&output), expected, "{text}: {output:?}");
        assert!(folder.names().is_empty(), "{text}: {:?}", folder.names());
    }
}

#[test]
fn silence_is_given_up() {
    let folder = Folder::new("silence");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    assert_eq!(status(&folder.wget(&["-T", "0.1", "-O", "file", &url])), 4);
    assert!(folder.names().is_empty());
}

#[test]
fn a_file_that_is_not_whole_is_continued() {
    let folder = Folder::new("continued");
    let content = numbers(50_000);
    let length = format!("Content-Length: {}\r\n", content.len());
    let range = "Content-Range: bytes 20000-49999/50000\r\nContent-Length: 30000\r\n";
    let (at, asked) = serve(
        "127.0.0.1:0",
        vec![
            response("200 OK", &length, &content[..20_000]),
            response("206 Partial Content", range, &content[20_000..]),
            response("416 Range Not Satisfiable", "Content-Range: bytes */4\r\n", b""),
            whole(&content),
            response("206 Partial Content", range, &content[20_000..]),
        ],
    );
    let url = format!("http://{at}/file");
    assert_eq!(status(&folder.wget(&["-c", &url])), 4);
    assert_eq!((folder.names(), folder.content("file.part").len()), (vec!["file.part".into()], 20_000));
    assert_eq!(status(&folder.wget(&["-c", &url])), 0);
    assert_eq!(folder.names(), ["file"]);
    assert!(folder.content("file") == content);
    // All of it is there.
    std::fs::write(folder.0.join("other.part"), b"four").unwrap();
    assert_eq!(status(&folder.wget(&["-c", "-O", "other", &url])), 0);
    assert_eq!(folder.content("other"), b"four");
    // The server begins anew.
    std::fs::write(folder.0.join("third.part"), vec![9; 60_000]).unwrap();
    assert_eq!(status(&folder.wget(&["-c", "-O", "third", &url])), 0);
    assert!(folder.content("third") == content);
    // The server begins elsewhere.
    std::fs::write(folder.0.join("fourth.part"), b"four").unwrap();
    assert_eq!(status(&folder.wget(&["-c", "-O", "fourth", &url])), 7);
    assert_eq!(folder.content("fourth.part"), b"four");
    let ranges = asked.iter().take(5).map(|head| head.into_iter().find(|line| line.starts_with("Range:")));
    let ranges: Vec<Option<String>> = ranges.collect();
    let from = |from: usize| Some(format!("Range: bytes={from}-"));
    assert_eq!(ranges, [None, from(20_000), from(4), from(60_000), from(4)]);
}

/// A server that nobody here wrote, and a client that is right; whoever runs this as root has them run by nobody.
#[test]
fn what_curl_gets_is_got_without_privilege() {
    let has = |program: &str| {
        let found =
            Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        found.is_ok_and(|status| status.success())
    };
    if !has("curl") || !has("python3") {
        eprintln!("SKIPPED: curl and python3 are needed");
        return;
    }
    let folder = Folder::new("curl");
    std::fs::write(folder.0.join("big"), numbers(5_000_000)).unwrap();
    let mut server = Command::new("python3")
        .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1"])
        .current_dir(&folder.0)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Serving HTTP on 127.0.0.1 port 12345 (...
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.split_ascii_whitespace().skip_while(|word| *word != "port").nth(1).unwrap().to_owned();
    for path in ["big", "", "missing"] {
        let url = format!("http://127.0.0.1:{port}/{path}");
        let right = Command::new("curl").args(["-sS", "--fail", &url]).output().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rump"));
        command.args(["net", "wget", "--if", "sockin", "-q", "-O", "-", &url]);
        if rustix::process::geteuid().is_root() {
            command.uid(65_534).gid(65_534);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.success(), right.status.success(), "{path}: {output:?}");
        assert!(output.stdout == right.stdout, "{path}: {} bytes", output.stdout.len());
    }
    server.kill().unwrap();
    server.wait().unwrap();
}

/// The same command over a stack of its own: the server is another kernel on a bus.
#[test]
fn a_page_comes_over_a_bus() {
    let folder = Folder::new("bus");
    let bus = format!("shmif:{}", folder.0.join("bus").to_str().unwrap());
    let mut server = Command::new(env!("CARGO_BIN_EXE_rump"))
        .args(["net", "nc", "--if", &bus, "--address", "10.0.0.1/24", "-v", "-l", "80"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("listening"), "{line}");
    server.stdin.take().unwrap().write_all(&whole(b"over a bus")).unwrap();
    let mut client = Command::new(env!("CARGO_BIN_EXE_rump"))
        .args(["net", "wget", "--if", &bus, "--address", "10.0.0.2/24", "-O", "-", "http://10.0.0.1/"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut page = String::new();
    client.stdout.take().unwrap().read_to_string(&mut page).unwrap();
    assert!(client.wait().unwrap().success());
    assert_eq!(page, "over a bus");
    server.wait().unwrap();
}
