//! How fast names are made, found and removed in one directory: `names IMAGE COUNT`. Changes the image.

use rump_kpi::*;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Instant;

struct Disk(File, u64);

impl BlockDevice for Disk {
    fn size_bytes(&self) -> u64 {
        self.1
    }
    fn is_read_only(&self) -> bool {
        false
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        self.0.read_exact_at(buf, offset).map_err(|_| Errno::EIO.into())
    }
    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        self.0.write_all_at(buf, offset).map_err(|_| Errno::EIO.into())
    }
    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let count: u32 = arguments[2].parse().unwrap();
    let file = File::options().read(true).write(true).open(&arguments[1]).unwrap();
    let size = file.metadata().unwrap().len();
    let Component::FileSystem(ext2) = rumpfs_ext2fs::component() else { return };
    let environment = Environment::new(
        || {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            TimeSpec { sec: since.as_secs() as i64, nsec: since.subsec_nanos() }
        },
        |line| eprintln!("{line}"),
    );
    let fs = ext2.mount(Some(Arc::new(Disk(file, size))), false, "", &environment).unwrap();
    let root = fs.node(fs.root()).unwrap();
    let new = |file_type| NewNode {
        file_type,
        mode: Mode::new(0o755),
        uid: 0,
        gid: 0,
        rdev: DevNumber::default(),
        target: b"",
    };
    let dir_ino = root.create(b"dir", new(FileType::Directory)).unwrap();
    let dir = fs.node(dir_ino).unwrap();
    let name = |index: u32| format!("file-{index:06}").into_bytes();
    let mut inos = Vec::new();
    let rate = |what: &str, begin: (Instant, f64)| {
        let (seconds, cpu) = (begin.0.elapsed().as_secs_f64(), cpu_seconds() - begin.1);
        let per = |seconds: f64| f64::from(count) / seconds;
        println!("{what}: {:.0} per second, {:.0} per second of its processor", per(seconds), per(cpu));
    };
    let begin = now();
    for index in 0..count {
        inos.push(dir.create(&name(index), new(FileType::Regular)).unwrap());
    }
    rate("create", begin);
    let begin = now();
    fs.sync().unwrap();
    rate("sync", begin);
    let begin = now();
    for index in 0..count {
        dir.lookup(&name(index)).unwrap();
    }
    rate("look up", begin);
    let begin = now();
    for (index, ino) in (0..count).zip(&inos) {
        let node = fs.node(*ino).unwrap();
        dir.unlink(&name(index)).unwrap();
        drop(node);
        fs.forget(*ino);
    }
    rate("unlink and forget", begin);
    let begin = now();
    fs.unmount().unwrap();
    rate("unmount", begin);
}

fn now() -> (Instant, f64) {
    (Instant::now(), cpu_seconds())
}

/// The time that this thread ran, which does not count others on a busy machine.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e9
}
