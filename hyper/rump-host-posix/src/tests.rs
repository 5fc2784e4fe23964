//! What only this host does; what every host does is in `tests/suite.rs`.

use super::*;
use std::path::PathBuf;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("rump-host-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn file(&self, name: impl AsRef<OsStr>, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name.as_ref());
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path, access: Access) -> HostResult<Arc<dyn BlockIo>> {
    PosixHost::new().open(path.as_os_str().as_bytes(), access, Lock::Advisory)
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_that_holds_a_lock_is_named() {
    let scratch = Scratch::new("lock");
    let path = scratch.file("disk.img", &[0; 64]);
    let _writer = open(&path, Access::ReadWrite).unwrap();
    let error = open(&path, Access::Read).err().unwrap();
    // Some hosts list no locks, or list them under the inode of a lower file system.
    let inode = format!(":{} ", std::fs::metadata(&path).unwrap().ino());
    let listed = std::fs::read_to_string("/proc/locks").is_ok_and(|locks| locks.contains(&inode));
    let holder = if listed { format!("process {} (", std::process::id()) } else { "another process".into() };
    let holder = format!("{} is locked by {holder}", path.display());
    assert!(error.what.starts_with(&holder), "{error}");
}

#[test]
fn a_character_device_is_not_an_image() {
    let error = open(Path::new("/dev/null"), Access::Read).err().unwrap();
    let text = "/dev/null: is neither a regular file nor a block device";
    assert_eq!((error.errno, error.what.as_str()), (Errno::EINVAL, text));
}

#[test]
fn a_socket_is_not_an_image() {
    let scratch = Scratch::new("socket");
    let path = scratch.0.join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert!(open(&path, Access::Read).is_err());
}

#[test]
fn a_file_cut_while_open_gives_an_error_that_says_so() {
    let scratch = Scratch::new("cut");
    let path = scratch.file("disk.img", &[0; 64]);
    let io = open(&path, Access::Read).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(10).unwrap();
    let error = io.read_at(8, &mut [0; 8]).unwrap_err();
    let text = format!("{}: shorter than it was", path.display());
    assert_eq!((error.errno, error.what), (Errno::EIO, text));
}

#[cfg(target_os = "linux")]
#[test]
fn names_need_not_be_text() {
    let scratch = Scratch::new("bytes");
    let path = scratch.file(OsStr::from_bytes(b"disk\xff.img"), &[0; 64]);
    assert_eq!(open(&path, Access::Read).unwrap().size_bytes(), 64);
    let names = PosixHost::new().read_dir(scratch.0.as_os_str().as_bytes()).unwrap();
    assert_eq!(names, [b"disk\xff.img"]);
}

#[test]
fn a_name_with_a_zero_byte_is_refused() {
    assert!(open(Path::new(OsStr::from_bytes(b"/disk\0.img")), Access::Read).is_err());
}

#[test]
fn symbolic_links_are_followed() {
    let scratch = Scratch::new("link");
    let (path, link) = (scratch.file("disk.img", &[0; 64]), scratch.0.join("link"));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let stat = PosixHost::new().stat(link.as_os_str().as_bytes()).unwrap();
    assert_eq!((stat.file_type, stat.size_bytes), (FileType::Regular, 64));
    assert_eq!(open(&link, Access::Read).unwrap().size_bytes(), 64);
}

#[test]
fn host_errors_keep_their_meaning() {
    let error = |number: rustix::io::Errno| errno::named("thing", number.into()).errno;
    assert_eq!(error(rustix::io::Errno::NOSPC), Errno::ENOSPC);
    // Another number in NetBSD than on many hosts.
    assert_eq!(error(rustix::io::Errno::NAMETOOLONG), Errno::ENAMETOOLONG);
    assert_eq!(error(rustix::io::Errno::ILSEQ), Errno::EIO, "what has no counterpart is EIO");
}
