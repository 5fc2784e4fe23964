//! The unit for systemd. systemd judges it, and says which system calls its filter lets pass; strace says what the server does.

use crate::drives::tool;
use crate::{SERVER, tests};
use rump_abi::netbsd::numbers;
use rump_server_rig::{CREAT, RDWR, Scratch, client, soon};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::path::Path;

tests!(systemd_finds_the_unit_valid_and_shut_in, the_unit_forbids_nothing_that_the_server_does,);

const UNIT: &str = include_str!("../../../../examples/systemd/rump-server.service");
/// Where it has the program.
const INSTALLED: &str = "/usr/local/bin/rump_server";
/// The most exposure, of 100, that systemd may find.
const EXPOSURE: &str = "15";

/// What is set, once.
fn setting(key: &str) -> &'static str {
    let mut values = UNIT.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let value = values.next().unwrap_or_else(|| panic!("the unit has no {key}"));
    assert_eq!(values.next(), None, "{key} is set twice");
    value
}

fn systemd_finds_the_unit_valid_and_shut_in() {
    let scratch = Scratch::new();
    let path = scratch.path("rump-server.service");
    std::fs::write(&path, UNIT.replace(INSTALLED, SERVER)).unwrap();
    let path = path.display().to_string();
    // The manual need not be installed.
    if tool("systemd-analyze", &["verify", "--man=no", &path]).is_none() {
        return;
    }
    // Words that it does not know are no failure.
    let said = scratch.run("systemd-analyze", &["verify", "--man=no", &path]);
    assert!(!said.err.contains("rump-server.service"), "{}", said.err);
    let threshold = format!("--threshold={EXPOSURE}");
    tool("systemd-analyze", &["security", "--offline=true", "--no-pager", &threshold, &path]);
}

/// The names in sets of system calls.
fn in_sets(sets: &str) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for word in sets.split_whitespace() {
        if word.starts_with('@') {
            let text = tool("systemd-analyze", &["--no-pager", "syscall-filter", word])?;
            let lines = text.lines().skip(1).map(str::trim).filter(|line| !line.starts_with('#'));
            names.extend(in_sets(&lines.collect::<Vec<_>>().join(" "))?);
        } else {
            names.insert(word.into());
        }
    }
    Some(names)
}

/// Name and arguments of a call that strace tells of.
fn call(line: &str) -> Option<(&str, &str)> {
    let (name, arguments) =
        line.trim_start_matches(|byte: char| byte.is_ascii_digit()).trim_start().split_once('(')?;
    name.chars().all(|byte| byte.is_alphanumeric() || byte == '_').then_some((name, arguments))
}

fn the_unit_forbids_nothing_that_the_server_does() {
    let allowed = in_sets(setting("SystemCallFilter"));
    let (Some(allowed), Some(_)) = (allowed, tool("strace", &["-V"])) else { return };
    assert!(allowed.len() > 200, "{allowed:?}");
    let scratch = Scratch::new();
    let folder = scratch.0.display().to_string();
    let image = scratch.path("disk.img").display().to_string();
    if tool("mke2fs", &["-q", "-F", "-t", "ext4", &image, "16m"]).is_none() {
        return;
    }
    let line = setting("ExecStart").replace(setting("WorkingDirectory"), &folder);
    let mut words = line.split(' ');
    assert_eq!((words.next(), words.next_back()), (Some(INSTALLED), Some("unix:///run/rump/sock")));
    let trace = scratch.path("trace");
    // The tracer is nobody's parent, so that what it runs goes to the background. Where libraries are is not as it is here.
    let tracer = ["-D", "-f", "-q", "-s", "4096", "-E", "LD_LIBRARY_PATH", "-o"];
    let traced = tracer.into_iter().chain([trace.to_str().unwrap(), SERVER]);
    let words: Vec<&str> = traced.chain(words).collect();
    let server = scratch.server_of(Path::new("strace"), "sock", &words);
    let clients = [client(&server.url), client(&server.url)];
    clients[0].on_path(numbers::MKDIR, "/mnt", &[0o755]).unwrap();
    assert_eq!(clients[0].mount("ext2fs", "/dev/disk0", "/mnt"), Ok(0));
    let file = clients[1].open("/mnt/new", RDWR | CREAT).unwrap();
    assert_eq!(clients[1].write(file, &[7; 100_000]), Ok(100_000));
    let [reader, writer] = clients[0].pipe(0);
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(clients[0].read(reader, &mut [0; 8]), Ok(4)));
        assert_eq!(clients[0].write(writer, b"some"), Ok(4));
    });
    drop(clients);
    server.signal(Signal::TERM);
    server.ends();
    let end = format!("{} +++ exited with 0 +++", server.pid.as_raw_nonzero());
    let text = || std::fs::read_to_string(&trace).unwrap();
    soon("strace tells of the end", || text().contains(&end));
    let text = text();
    let calls: Vec<(&str, &str)> = text.lines().filter_map(call).collect();
    assert!(calls.iter().any(|(name, _)| *name == "accept4") && calls.len() > 200, "{text}");
    for (name, arguments) in calls {
        assert!(allowed.contains(name), "{name} is not in {}", setting("SystemCallFilter"));
        may_be(name, arguments, &folder).unwrap_or_else(|why| panic!("{name}({arguments}: {why}"));
    }
}

/// Errors: what forbids it.
fn may_be(name: &str, arguments: &str, folder: &str) -> Result<(), &'static str> {
    let is = |word: &str| arguments.contains(word);
    match name {
        "socket" | "socketpair" => {
            let mut families = setting("RestrictAddressFamilies").split(' ');
            families
                .any(|family| arguments.starts_with(family))
                .then_some(())
                .ok_or("RestrictAddressFamilies")
        }
        "mmap" | "mprotect" | "pkey_mprotect" if is("PROT_WRITE") && is("PROT_EXEC") => {
            Err("MemoryDenyWriteExecute")
        }
        "clone" | "clone3" | "unshare" if is("CLONE_NEW") => Err("RestrictNamespaces"),
        "sched_setscheduler" if is("SCHED_FIFO") || is("SCHED_RR") => Err("RestrictRealtime"),
        "open" | "openat" | "creat" => {
            let path = arguments.split('"').nth(1).unwrap_or("");
            let is_own = path.starts_with(folder) || !path.starts_with('/');
            let writes = ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| is(flag));
            let device = path.strip_prefix("/dev/");
            match path.strip_prefix("/proc/") {
                _ if device.is_some_and(|name| !["null", "zero", "random", "urandom"].contains(&name)) => {
                    Err("PrivateDevices")
                }
                Some(rest) if !rest.starts_with("self/") => Err("ProcSubset"),
                _ if writes && !is_own && device.is_none() => Err("ProtectSystem"),
                _ if path.starts_with("/home/") || path.starts_with("/root/") => Err("ProtectHome"),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}
