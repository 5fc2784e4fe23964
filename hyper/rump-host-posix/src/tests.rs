use super::*;
use std::path::PathBuf;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("rump-host-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> Vec<u8> {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.into_os_string().into_vec()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn bytes_come_back_where_they_were_written() {
    let scratch = Scratch::new("bytes");
    let name = scratch.file("disk.img", &[0; 64]);
    let io = PosixHost::new().open(&name, Access::ReadWrite, Lock::Advisory).unwrap();
    io.write_at(10, b"hello").unwrap();
    io.flush().unwrap();
    let mut buf = [0; 5];
    io.read_at(10, &mut buf).unwrap();
    assert_eq!(&buf, b"hello");
    assert_eq!(io.read_at(60, &mut buf).unwrap_err().errno, Errno::EINVAL);
    assert_eq!(io.write_at(u64::MAX, b"x").unwrap_err().errno, Errno::EINVAL);
}

#[test]
fn a_file_opened_for_reading_refuses_writes() {
    let scratch = Scratch::new("read");
    let name = scratch.file("disk.img", &[0; 64]);
    let io = PosixHost::new().open(&name, Access::Read, Lock::Advisory).unwrap();
    assert_eq!(io.write_at(0, b"x").unwrap_err().errno, Errno::EROFS);
}

#[test]
fn a_writer_keeps_everybody_else_away_and_is_named() {
    let scratch = Scratch::new("lock");
    let name = scratch.file("disk.img", &[0; 64]);
    let host = PosixHost::new();
    let writer = host.open(&name, Access::ReadWrite, Lock::Advisory).unwrap();
    for access in [Access::Read, Access::ReadWrite] {
        let Err(error) = host.open(&name, access, Lock::Advisory) else { panic!("opened twice") };
        assert_eq!(error.errno, Errno::EBUSY);
        assert!(error.what.contains("is locked by"), "{error}");
    }
    assert!(host.open(&name, Access::Read, Lock::None).is_ok());
    drop(writer);
    let _first = host.open(&name, Access::Read, Lock::Advisory).unwrap();
    assert!(host.open(&name, Access::Read, Lock::Advisory).is_ok(), "readers share");
}

#[test]
fn errors_name_the_file() {
    let Err(error) = PosixHost::new().open(b"/no/such/disk.img", Access::Read, Lock::Advisory) else {
        panic!("opened what is not there")
    };
    assert_eq!(
        (error.errno, error.what.as_str()),
        (Errno::ENOENT, "/no/such/disk.img: no such file or directory")
    );
}

#[test]
fn a_folder_is_not_an_image() {
    let scratch = Scratch::new("folder");
    let name = scratch.0.clone().into_os_string().into_vec();
    let Err(error) = PosixHost::new().open(&name, Access::Read, Lock::Advisory) else {
        panic!("opened a folder")
    };
    assert_eq!(error.errno, Errno::EISDIR);
}

#[test]
fn names_of_a_folder_come_sorted() {
    let scratch = Scratch::new("names");
    for name in ["b", "a", "c"] {
        scratch.file(name, b"");
    }
    let names = PosixHost::new().read_dir(scratch.0.as_os_str().as_bytes()).unwrap();
    assert_eq!(names, [b"a", b"b", b"c"]);
}

#[test]
fn random_bytes_differ() {
    let (mut a, mut b) = ([0; 32], [0; 32]);
    PosixHost::new().fill(&mut a).unwrap();
    PosixHost::new().fill(&mut b).unwrap();
    assert_ne!(a, b);
}
