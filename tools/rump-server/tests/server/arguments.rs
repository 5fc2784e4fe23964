//! What is wrong is named, and the program ends with a status that says so.

use crate::tests;
use crate::{HALT, SERVER};
use rump_abi::Errno;
use rump_abi::netbsd::numbers;
use rump_client::memory::Region;
use rump_server_rig::{Client, Scratch, client};

tests!(
    wrong_arguments_are_named,
    what_cannot_be_had_is_named,
    halting_needs_a_server,
    interfaces_are_those_of_the_file,
    processors_and_memory_are_what_is_said,
    a_file_says_what_flags_say,
);

/// Runs a server that cannot be; answers the status and what it says.
fn refused(scratch: &Scratch, words: &str, expected: &str) -> Option<i32> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let said = scratch.run(SERVER, &words);
    assert!(said.err.contains(expected), "{words:?}: {}", said.err);
    assert!(!scratch.path("sock").exists(), "{words:?}");
    said.code
}

fn wrong_arguments_are_named() {
    let scratch = Scratch::new();
    for (words, expected) in [
        ("", "<URL>"),
        ("-x unix://sock", "'-x'"),
        ("-c many unix://sock", "'many'"),
        ("-d key unix://sock", "key: a word and its value"),
        ("-d key=/dev/d,hostpath=f,size=1z unix://sock", "1z: a number"),
        ("-d key=/dev/d,hostpath=f,size=host,disklabel=a unix://sock", "disklabel: "),
        ("--clients 0 unix://sock", "'0'"),
        ("--calls -1 unix://sock", "-1"),
    ] {
        assert_eq!(refused(&scratch, words, expected), Some(2), "{words}");
    }
}

fn what_cannot_be_had_is_named() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path("bad.toml"), "[[interface]]\nname = 7\n").unwrap();
    for (words, expected) in [
        ("http://x", "http://x: "),
        ("unix://", "unix://: "),
        ("tcp://192.0.2.1:7", "tcp://192.0.2.1:7: other machines could come in"),
        ("unix://missing/sock", "unix://missing/sock: No such file or directory"),
        ("-l rumpfs_ffs unix://sock", "rumpfs_ffs: there is no such component"),
        ("-d key=/dev/d,hostpath=missing.img,size=host unix://sock", "missing.img"),
        ("-d key=/dev/d,hostpath=missing/disk.img,size=1m unix://sock", "missing/disk.img: "),
        ("-r much unix://sock", "RUMP_MEMLIMIT"),
        ("-c 0 unix://sock", "RUMP_NCPU"),
        ("--net missing.toml unix://sock", "missing.toml"),
        ("--net bad.toml unix://sock", "bad.toml"),
        // The second of two places is as needed as the first.
        ("unix://sock unix://missing/sock", "unix://missing/sock: "),
    ] {
        assert_eq!(refused(&scratch, words, expected), Some(1), "{words}");
        assert_eq!(refused(&scratch, &format!("-s {words}"), expected), Some(1), "-s {words}");
    }
}

fn halting_needs_a_server() {
    let scratch = Scratch::new();
    let said = scratch.run(HALT, &[]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("<URL>"), "{}", said.err);
    for (url, expected) in [("ftp://x", "ftp://x: "), ("unix://missing", "/missing")] {
        let said = scratch.halt(url);
        assert_eq!(said.code, Some(1), "{url}");
        assert!(said.err.starts_with("rump_halt: ") && said.err.contains(expected), "{}", said.err);
    }
}

fn interfaces_are_those_of_the_file() {
    let scratch = Scratch::new();
    let bus = scratch.path("bus");
    let file = format!(
        "[[interface]]\nname = 'eth0'\nlink = 'shmif:{}'\naddresses = ['10.1.2.3/24']\n",
        bus.display()
    );
    std::fs::write(scratch.path("net.toml"), file).unwrap();
    let server = scratch.server(&["-l", "rumpnet_netinet", "--net", "net.toml"]);
    let client = client(&server.url);
    let fd = client.call(numbers::__SOCKET30, &[2, 2, 0], &[]).unwrap() as u64;
    let bind = |address: [u8; 4]| {
        let mut bytes = [0; 16];
        (bytes[0], bytes[1]) = (16, 2);
        bytes[4..8].copy_from_slice(&address);
        let region = Region::read(&bytes);
        client.call(numbers::BIND, &[fd, region.address(), 16], &[region])
    };
    assert_eq!(bind([10, 1, 2, 4]), Err(Errno::EADDRNOTAVAIL));
    assert_eq!(bind([10, 1, 2, 3]), Ok(0));
    assert!(bus.exists());
}

/// `hw.ncpu`.
fn cpus(client: &Client) -> i32 {
    let name: Vec<u8> = [6i32, 3].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let (mut value, mut length) = ([0; 4], 4u64.to_ne_bytes());
    let regions = [Region::read(&name), Region::write(&mut value), Region::write(&mut length)];
    let [name, at, length] = regions.each_ref().map(Region::address);
    assert_eq!(client.call(numbers::__SYSCTL, &[name, 2, at, length, 0, 0], &regions), Ok(0));
    i32::from_ne_bytes(value)
}

fn processors_and_memory_are_what_is_said() {
    let scratch = Scratch::new();
    let server = scratch.server(&["-c", "3", "-r", "1m"]);
    let client = client(&server.url);
    assert_eq!(cpus(&client), 3);
    let file = client.open("/file", rump_server_rig::RDWR | rump_server_rig::CREAT).unwrap();
    let piece = vec![7; 256 << 10];
    let written = (0..64).map(|_| client.write(file, &piece)).find(Result::is_err);
    assert_eq!(written, Some(Err(Errno::ENOSPC)));
}

/// Flags count more, and lists are joined.
fn a_file_says_what_flags_say() {
    let scratch = Scratch::new();
    let file =
        "libraries = ['rumpfs_ext2fs']\nclients = 7\ncpus = 5\ndescriptors = 8\nurls = ['unix://sock']\n";
    std::fs::write(scratch.path("server.toml"), file).unwrap();
    std::fs::write(scratch.path("bad.toml"), "cpus = 2\nurl = 'unix://sock'\n").unwrap();
    std::fs::write(scratch.path("worse.toml"), "cpus = 'many'\n").unwrap();
    for (words, expected) in [
        ("--config bad.toml", "bad.toml: line 2: unknown field `url`"),
        ("--config worse.toml unix://sock", "worse.toml: line 1: invalid type"),
        ("--config missing.toml", "missing.toml: No such file"),
    ] {
        assert_eq!(refused(&scratch, words, expected), Some(2), "{words}");
    }
    let said = scratch.run(SERVER, &["--config", "server.toml", "--descriptors", "9", "-c", "3"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let url = scratch.url("sock");
    let client = client(&url);
    let opened = (0..20).map_while(|_| client.open("/", 0).ok()).count();
    assert_eq!(opened, 9);
    assert_eq!(cpus(&client), 3);
    assert_eq!(scratch.halt(&url).code, Some(0));
}
