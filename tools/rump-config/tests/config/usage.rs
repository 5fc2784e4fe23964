//! Command lines, and servers that are not there.

use crate::rig::{Kernel, PROGRAM, tool};
use rump_server_rig::Scratch;
use std::os::unix::fs::symlink;

/// Of each tool, words with which it needs a server.
const TOOLS: &[(&str, &[&str])] = &[
    ("arp", &["-a"]),
    ("brconfig", &["-a"]),
    ("cat", &["/file"]),
    ("df", &[]),
    ("dhcpclient", &["shmif0"]),
    ("ifconfig", &["-a"]),
    ("ls", &[]),
    ("mkdir", &["/directory"]),
    ("mount", &[]),
    ("ndp", &["-a"]),
    ("netstat", &["-r"]),
    ("ping", &["-c", "1", "127.0.0.1"]),
    ("ping6", &["-c", "1", "::1"]),
    ("route", &["show"]),
    ("sockstat", &[]),
    ("sysctl", &["-a"]),
    ("traceroute", &["127.0.0.1"]),
    ("umount", &["/mnt"]),
];

#[test]
fn who_is_told_no_server_says_how_to_tell() {
    let scratch = Scratch::new();
    for (name, words) in TOOLS {
        let said = scratch.finish(&mut tool(&scratch, name, words));
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{name}");
        assert!(said.err.starts_with(&format!("rump.{name}: ")), "{}", said.err);
        assert!(said.err.contains("RUMP_SERVER=unix:///"), "{}", said.err);
    }
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let scratch = Scratch::new();
    for (name, words) in TOOLS {
        let said = scratch.finish(tool(&scratch, name, words).env("RUMP_SERVER", "unix://nothing"));
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{name}");
        assert!(said.err.starts_with(&format!("rump.{name}: ")), "{}", said.err);
        assert!(said.err.contains("/nothing"), "{}", said.err);
    }
    let said = scratch.finish(tool(&scratch, "ls", &[]).env("RUMP_SERVER", "http://nothing"));
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("http://nothing: a server is at unix://"), "{}", said.err);
}

#[test]
fn command_lines_that_make_no_sense_are_refused() {
    let kernel = Kernel::new();
    let lines: &[(&str, &[&str])] = &[
        ("arp", &[]),
        ("arp", &["fd00::1"]),
        ("arp", &["-s", "10.0.0.1"]),
        ("arp", &["10.0.0.1", "2:0:0:0:0:1"]),
        ("brconfig", &[]),
        ("brconfig", &["bridge0", "nonsense"]),
        ("cat", &[]),
        ("df", &["--nonsense"]),
        ("dhcpclient", &[]),
        ("ifconfig", &["lo0", "nonsense"]),
        ("ifconfig", &["lo0", "inet", "10.0.0.1/64"]),
        ("ls", &["-Z"]),
        ("mkdir", &["-m", "9", "/directory"]),
        ("mount", &["/dev/disk0"]),
        ("ndp", &["10.0.0.1"]),
        ("netstat", &["-r", "-i"]),
        ("ping", &["host"]),
        ("ping", &["-c", "0", "127.0.0.1"]),
        ("ping", &["-s", "65508", "127.0.0.1"]),
        ("ping", &["::1"]),
        ("ping6", &["127.0.0.1"]),
        ("ping6", &["fe80::1"]),
        ("route", &["nonsense"]),
        ("route", &["add", "10.0.0.0/8"]),
        ("route", &["add", "10.0.0.0/33", "10.0.0.1"]),
        ("sockstat", &["-x"]),
        ("sysctl", &["-w", "kern.hostname"]),
        ("traceroute", &["-4", "::1"]),
        ("traceroute", &["-m", "0", "127.0.0.1"]),
        ("umount", &[]),
    ];
    for (name, words) in lines {
        let said = kernel.run(name, words);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{name} {words:?}: {}", said.err);
        assert!(!said.err.is_empty(), "{name} {words:?}");
    }
}

#[test]
fn tools_are_commands_and_links_and_tell_of_themselves() {
    let kernel = Kernel::new();
    let (scratch, url) = (&kernel.scratch, &kernel.server.url);
    symlink(PROGRAM, scratch.path("rump.sysctl")).unwrap();
    let words = ["-n", "kern.ostype"];
    let by_link =
        scratch.finish(scratch.command(scratch.path("rump.sysctl"), &words).env("RUMP_SERVER", url));
    let by_word = scratch.run(PROGRAM, &["sysctl", "--server", url, "-n", "kern.ostype"]);
    assert_eq!((by_link.code, by_link.out.as_str()), (Some(0), "rump\n"), "{}", by_link.err);
    assert_eq!((by_word.code, by_word.out.as_str()), (Some(0), "rump\n"), "{}", by_word.err);
    for (name, _) in TOOLS {
        let said = scratch.finish(&mut tool(scratch, name, &["--help"]));
        assert_eq!(said.code, Some(0));
        assert!(said.out.contains(&format!("Usage: rump.{name}")), "{}", said.out);
        assert!(scratch.run(PROGRAM, &["--help"]).out.contains(&format!("  {name} ")), "{name}");
    }
    let said = scratch.run(PROGRAM, &["--man", "man"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    for name in TOOLS.iter().map(|(name, _)| format!("rump.{name}.1")).chain(["rump-config.1".into()]) {
        let page = std::fs::read_to_string(scratch.path("man").join(&name)).unwrap();
        assert!(page.contains(".SH SYNOPSIS") && page.contains("server"), "{name}");
    }
}

#[test]
fn there_is_no_packet_filter() {
    let scratch = Scratch::new();
    let said = scratch.finish(&mut tool(&scratch, "npfctl", &["rule", "-x", "list"]));
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(
        said.err.starts_with("rump.npfctl: rule -x list: ") && said.err.contains("no packet filter"),
        "{}",
        said.err
    );
}
