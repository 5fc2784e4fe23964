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

/// A tree with a link at every place where one could lead out, and what each way of walking answers in it.
fn answers(way: Way) -> Vec<(String, Option<Errno>)> {
    let scratch = Scratch::new(&format!("beneath-{way:?}"));
    let root = scratch.0.join("root");
    std::fs::create_dir_all(root.join("d/e")).unwrap();
    scratch.file("secret", b"secret");
    scratch.file("root/d/e/file", b"file");
    for (link, target) in [("out", ".."), ("d/out", "../.."), ("d/e/abs", "/"), ("in", "d")] {
        std::os::unix::fs::symlink(target, root.join(link)).unwrap();
    }
    let folder = Folder::open(&root, way).unwrap();
    let paths = [
        "d/e/file",
        "d/e/none",
        "d/none/file",
        "d/e/file/x",
        "out/secret",
        "d/out/secret",
        "d/e/abs/tmp",
        "in/e/file",
        "in",
        "..",
        "d/../d",
    ];
    paths.map(|path| (path.into(), folder.stat(path.as_bytes()).err().map(|error| error.errno))).into()
}

#[test]
fn both_ways_beneath_a_folder_answer_alike() {
    let by_steps = answers(Way::Steps);
    assert_eq!(answers(Way::Kernel), by_steps);
    let escapes = by_steps.iter().filter(|(path, _)| path.contains("secret") || path.contains("abs/"));
    assert!(escapes.clone().count() == 3 && escapes.clone().all(|(_, errno)| *errno == Some(Errno::ELOOP)));
}

/// A directory is replaced by a link out of the folder, over and over, while files are asked for through it: what
/// comes back is the file inside or an error, never the file outside.
#[test]
fn a_race_does_not_lead_out_of_a_folder() {
    for way in [Way::Kernel, Way::Steps] {
        let scratch = Scratch::new(&format!("race-{way:?}"));
        for (folder, content) in [("root/d", "in"), ("outside", "out")] {
            std::fs::create_dir_all(scratch.0.join(folder)).unwrap();
            scratch.file(format!("{folder}/file"), content.as_bytes());
        }
        let (place, aside) = (scratch.0.join("root/d"), scratch.0.join("root/aside"));
        let folder = Folder::open(&scratch.0.join("root"), way).unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    std::fs::rename(&place, &aside).unwrap();
                    std::os::unix::fs::symlink("../outside", &place).unwrap();
                    std::fs::remove_file(&place).unwrap();
                    std::fs::rename(&aside, &place).unwrap();
                }
            });
            let (mut inside, mut outside) = (0, 0);
            // On a busy machine the other thread may stand still where nothing can be opened.
            let patience = std::time::Instant::now() + std::time::Duration::from_secs(20);
            let mut tries = 0;
            while tries < 20_000 || (inside == 0 && std::time::Instant::now() < patience) {
                tries += 1;
                if let Ok(io) = folder.open(b"d/file", Access::Read, Lock::None) {
                    *if io.size_bytes() == 2 { &mut inside } else { &mut outside } += 1;
                }
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(inside > 0 && outside == 0, "{inside} times inside, {outside} times outside");
        });
    }
}
