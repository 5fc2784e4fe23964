//! Files of the host as disks. e2fsprogs make them, and judge what becomes of them.

use crate::SERVER;
use crate::tests;
use rump_abi::netbsd::numbers;
use rump_server_rig::{CREAT, RDWR, Scratch, client};
use std::process::Command;

tests!(a_drive_is_read_and_written_and_whole_after_a_halt, a_drive_is_made_and_extended,);

/// What a tool of the host says; none: it is missing, which is said.
pub fn tool(program: &str, words: &[&str]) -> Option<String> {
    let Ok(output) = Command::new(program).args(words).output() else {
        assert!(std::env::var_os("RUMP_NO_SKIPS").is_none(), "{program} is missing");
        eprintln!("skipped for want of {program}");
        return None;
    };
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn a_drive_is_read_and_written_and_whole_after_a_halt() {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path("tree")).unwrap();
    std::fs::write(scratch.path("tree/hello"), "from the host").unwrap();
    let [image, tree] = ["disk.img", "tree"].map(|name| scratch.path(name).display().to_string());
    for (fs_type, by_signal) in [("ext2", false), ("ext4", true)] {
        let words = ["-q", "-F", "-t", fs_type, "-d", &tree, &image, "16m"];
        if tool("mke2fs", &words).is_none() {
            return;
        }
        let drive = "key=/dev/disk0,hostpath=disk.img,size=host";
        let server = scratch.server(&["-l", "rumpfs_ext2fs", "-d", drive]);
        let client = client(&server.url);
        client.on_path(numbers::MKDIR, "/mnt", &[0o755]).unwrap();
        assert_eq!(client.mount("ext2fs", "/dev/disk0", "/mnt"), Ok(0), "{fs_type}");
        let mut bytes = [0; 64];
        let read = client.read(client.open("/mnt/hello", 0).unwrap(), &mut bytes);
        assert_eq!((read, &bytes[..13]), (Ok(13), &b"from the host"[..]));
        let file = client.open("/mnt/new", RDWR | CREAT).unwrap();
        assert_eq!(client.write(file, b"from a client"), Ok(13));
        if by_signal {
            // The server waits for its own halt as well when nobody else is there.
            drop(client);
            server.signal(rustix::process::Signal::TERM);
        } else {
            assert_eq!(scratch.halt(&server.url).code, Some(0));
        }
        server.ends();
        assert_eq!(tool("debugfs", &["-R", "cat /new", &image]).as_deref(), Some("from a client"));
        tool("e2fsck", &["-fn", &image]);
    }
}

fn a_drive_is_made_and_extended() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path("short"), "0123456789").unwrap();
    let words = [
        "-d",
        "key=/dev/made,hostpath=made,size=64k,type=chr",
        "-d",
        "key=/short,hostpath=short,size=4k,offset=5,type=reg",
    ];
    let server = scratch.server(&words);
    assert_eq!(std::fs::metadata(scratch.path("made")).unwrap().len(), 64 << 10);
    assert_eq!(std::fs::metadata(scratch.path("short")).unwrap().len(), 5 + (4 << 10));
    let client = client(&server.url);
    let mut bytes = [0; 5];
    assert_eq!(client.read(client.open("/short", 0).unwrap(), &mut bytes), Ok(5));
    assert_eq!(&bytes, b"56789");
    // A drive that is said twice is one too many.
    let drive = "key=/dev/made,hostpath=made,size=host";
    let said = scratch.run(SERVER, &["-d", drive, "-d", drive, "unix://second"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("/dev/made for made: "), "{}", said.err);
}
