//! The command line without any image: usage, exit statuses, and what is no image.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn rump(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rump")).args(words).output().expect("rump runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

struct TempFile(std::path::PathBuf);

impl TempFile {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("rump-cli-{}-{name}", std::process::id()));
        std::fs::File::create(&path).and_then(|mut file| file.write_all(content)).expect("temporary file");
        Self(path)
    }

    fn text(&self) -> &str {
        self.0.to_str().expect("a path in UTF-8")
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn no_command_and_unknown_commands_are_usage_errors() {
    for words in [&[][..], &["frobnicate"], &["ls"], &["ls", "--frobnicate", "x"], &["cp", "x"]] {
        assert_eq!(rump(words).status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn help_has_examples() {
    for words in [&["--help"][..], &["-h"], &["ls", "--help"], &["cp", "--help"]] {
        let output = rump(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("rump ls") || words[0] == "cp");
        assert!(String::from_utf8_lossy(&output.stdout).contains("Example"));
    }
}

#[test]
fn a_missing_image_is_named() {
    for command in ["ls", "cat", "info", "df", "sum", "du", "find", "tree", "stat"] {
        let output = rump(&[command, "/nonexistent/disk.img"]);
        assert_eq!(output.status.code(), Some(3), "{command}");
        assert!(stderr(&output).starts_with("rump: /nonexistent/disk.img: "), "{}", stderr(&output));
    }
}

#[test]
fn what_is_no_image_is_said_to_be_none() {
    for (name, content) in [("empty", vec![]), ("short", vec![1; 100]), ("zeros", vec![0; 1 << 20])] {
        let file = TempFile::new(name, &content);
        for command in ["ls", "info"] {
            let output = rump(&[command, file.text()]);
            assert_eq!(output.status.code(), Some(3), "{name}: {}", stderr(&output));
            assert!(stderr(&output).contains("no file system"), "{}", stderr(&output));
        }
    }
}

#[test]
fn a_partition_that_is_not_there_is_named() {
    let file = TempFile::new("partition", &[0; 4096]);
    for (selector, text) in [("@7", "partition 7"), ("@x", "partition x"), ("+8k", "byte 8192")] {
        let output = rump(&["ls", &format!("{}{selector}:/", file.text())]);
        assert_eq!(output.status.code(), Some(3));
        assert!(stderr(&output).contains(text), "{}", stderr(&output));
    }
}

#[test]
fn conditions_that_make_no_sense_are_usage_errors() {
    for words in [["-size", "big"], ["-type", "q"], ["-mtime", "+-1"]] {
        let output = rump(&["find", "/nonexistent", words[0], words[1]]);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(words[1]));
    }
}

#[test]
fn control_bytes_in_arguments_do_not_reach_the_terminal() {
    let output = rump(&["ls", "/nonexistent/\x1b[2J"]);
    assert!(!output.stderr.contains(&0x1b));
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let mut child = Command::new("sh")
        .args(["-c", "\"$0\" --help | true", env!("CARGO_BIN_EXE_rump")])
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh runs");
    assert!(child.wait().expect("sh ends").success());
}

/// Scripts run at once, and what is said of them is in order and counted.
#[test]
fn dialogues_are_told_in_order() {
    let folder = std::env::temp_dir().join(format!("rump-dialogues-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let listens =
        "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n";
    let scripts = [
        ("a", "+0 listen(3, 1) = 7\n"),
        ("b", "+0 < S 0:0(0) win 1000 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n"),
        ("c", "+0 setsockopt(3, SOL_TCP, TCP_INQ, [1], 4) = 0\n"),
        ("d", "+0 listen(\n"),
        ("e", "+7000 poll([{fd=3, events=POLLIN, revents=0}], 1, 100) = 0\n"),
    ];
    for (name, rest) in scripts {
        std::fs::write(folder.join(format!("{name}.pkt")), format!("{listens}{rest}")).unwrap();
    }
    let folder_name = folder.to_str().unwrap();
    let run = |jobs: &str| rump(&["packetdrill", "--jobs", jobs, "--ip-version", "ipv6", folder_name]);
    let (one, many) = (run("1"), run("8"));
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!((&one.stdout, &one.stderr), (&many.stdout, &many.stderr));
    let told = String::from_utf8(many.stderr).unwrap();
    let places: Vec<usize> = ["a", "c", "d"].map(|name| told.find(&format!("/{name}.pkt:")).unwrap()).into();
    assert!(places.is_sorted(), "{told}");
    assert_eq!(String::from_utf8(many.stdout).unwrap(), "2 passed, 2 failed, 1 skipped\n", "{told}");
    assert!(!many.status.success());
}
