//! Reading ext images: each figure is a ratio to a peer in the same run, the median of five.
//!
//! Run `cargo build --release -p rump` at the root of the project first, then here `cargo run --release`.
//! Needs mke2fs and debugfs, and 3 GiB in the folder for temporary files.
#![forbid(unsafe_code)]

use rumpkit::image::{Address, Image, LockPolicy};
use rumpkit::{Mode, OpenFlags, PosixHost};
use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Size of the large file.
const LARGE: u64 = 1 << 30;

/// Size of one read of the sequential pass.
const CHUNK: usize = 1 << 20;

/// Reads of the random pass.
const RANDOM_READS: u64 = 50_000;

/// Files in the tree that is listed.
const FILES: usize = 100_000;

/// Folders that they are spread over.
const FOLDERS: usize = 100;

/// A folder that is removed at the end, and what is in it.
struct Bench {
    folder: PathBuf,
    image: PathBuf,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn main() -> Outcome {
    let bench = prepare()?;
    println!("{:<34} {:>12} {:>12} {:>8}", "median of 5", "rump", "peer", "ratio");
    row("1 GiB sequential / pread", || sequential(&bench), || plain_sequential(&bench))?;
    row("50,000 random 4 KiB / pread", || random(&bench), || plain_random(&bench))?;
    row(
        "small file, command / debugfs",
        || rump(&bench, &["cat", ":/tree/d77/f77"]),
        || debugfs(&bench, "cat /tree/d77/f77"),
    )?;
    row("list 100,000 files / debugfs", || rump(&bench, &["ls", "-lR", ":/"]), || debugfs_listing(&bench))?;
    let boots = median(boot)?;
    println!("{:<34} {:>12}", "boot without devices", shown(boots));
    let mounts = median(|| boot_and_mount(&bench))?;
    println!("{:<34} {:>12}", "open, boot, mount and one stat", shown(mounts));
    Ok(())
}

fn row(title: &str, ours: impl Fn() -> Outcome<Duration>, peer: impl Fn() -> Outcome<Duration>) -> Outcome {
    let (ours, peer) = (median(ours)?, median(peer)?);
    let ratio = ours.as_secs_f64() / peer.as_secs_f64();
    println!("{title:<34} {:>12} {:>12} {ratio:>8.2}", shown(ours), shown(peer));
    Ok(())
}

fn shown(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

fn median(run: impl Fn() -> Outcome<Duration>) -> Outcome<Duration> {
    let mut times = Vec::new();
    for _ in 0..5 {
        times.push(run()?);
    }
    times.sort();
    Ok(times[2])
}

fn prepare() -> Outcome<Bench> {
    let folder = std::env::temp_dir().join(format!("rump-bench-{}", std::process::id()));
    let source = folder.join("source");
    fs::create_dir_all(&source)?;
    let bench = Bench { image: folder.join("image"), folder };
    let mut large = File::create(source.join("large"))?;
    let mut state = 88_172_645_463_325_252_u64;
    let mut chunk = Vec::with_capacity(CHUNK);
    for _ in 0..LARGE / CHUNK as u64 {
        chunk.clear();
        while chunk.len() < CHUNK {
            state = next(state);
            chunk.extend_from_slice(&state.to_le_bytes());
        }
        large.write_all(&chunk)?;
    }
    for number in 0..FILES {
        let folder = source.join(format!("tree/d{}", number % FOLDERS));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("f{number}")), format!("file {number}\n"))?;
    }
    File::create(&bench.image)?.set_len(LARGE + (512 << 20))?;
    let mut make = Command::new("mke2fs");
    make.args(["-q", "-F", "-t", "ext4", "-N", "120000", "-d"]).arg(&source).arg(&bench.image);
    succeed(&mut make)?;
    Ok(bench)
}

/// One step of a xorshift generator.
fn next(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ (state << 17)
}

fn open(bench: &Bench) -> Outcome<Image> {
    let host = PosixHost::new();
    let address = Address::parse(&*host, bench.image.to_string_lossy().as_bytes());
    Ok(Image::open(host, &address, LockPolicy::NoLock)?)
}

fn sequential(bench: &Bench) -> Outcome<Duration> {
    let image = open(bench)?;
    let process = image.process();
    let fd = process.open("/large", OpenFlags::empty(), Mode::new(0))?;
    let mut buffer = vec![0; CHUNK];
    let start = Instant::now();
    let mut total = 0;
    loop {
        let length = process.read(fd, &mut buffer)?;
        if length == 0 {
            break;
        }
        total += length as u64;
    }
    whole(total, LARGE).map(|()| start.elapsed())
}

/// The peer reads the image itself, so that both copy out of the same pages of the host's cache: how large
/// those are depends on how a file was written, and changes the figure by a third.
fn plain_sequential(bench: &Bench) -> Outcome<Duration> {
    let file = File::open(&bench.image)?;
    let mut buffer = vec![0; CHUNK];
    let start = Instant::now();
    let mut total = 0;
    while total < LARGE {
        total += file.read_at(&mut buffer, total)? as u64;
    }
    whole(total, LARGE).map(|()| start.elapsed())
}

fn random(bench: &Bench) -> Outcome<Duration> {
    let image = open(bench)?;
    let process = image.process();
    let fd = process.open("/large", OpenFlags::empty(), Mode::new(0))?;
    let mut buffer = vec![0; 4096];
    at_random(|offset| Ok(process.pread(fd, &mut buffer, offset)?))
}

fn plain_random(bench: &Bench) -> Outcome<Duration> {
    let file = File::open(&bench.image)?;
    let mut buffer = vec![0; 4096];
    at_random(|offset| Ok(file.read_at(&mut buffer, offset)?))
}

fn at_random(mut read: impl FnMut(u64) -> Outcome<usize>) -> Outcome<Duration> {
    let mut state = 1;
    let mut total = 0;
    let start = Instant::now();
    for _ in 0..RANDOM_READS {
        state = next(state);
        total += read(state % (LARGE / 4096) * 4096)? as u64;
    }
    whole(total, RANDOM_READS * 4096).map(|()| start.elapsed())
}

fn whole(seen: u64, expected: u64) -> Outcome {
    if seen == expected { Ok(()) } else { Err(format!("read {seen} of {expected} bytes").into()) }
}

/// Runs the command; an argument that begins with a colon is a path in the image.
fn rump(bench: &Bench, arguments: &[&str]) -> Outcome<Duration> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/rump");
    let mut command = Command::new(std::env::var_os("RUMP_BIN").unwrap_or_else(|| built.into()));
    for argument in arguments {
        match argument.strip_prefix(':') {
            Some(path) => command.arg(format!("{}:{path}", bench.image.display())),
            None => command.arg(argument),
        };
    }
    timed(&mut command)
}

fn debugfs(bench: &Bench, request: &str) -> Outcome<Duration> {
    timed(Command::new("debugfs").args(["-R", request]).arg(&bench.image))
}

/// debugfs has no recursive listing; it reads one request for each folder from a file.
fn debugfs_listing(bench: &Bench) -> Outcome<Duration> {
    let requests = bench.folder.join("requests");
    let mut text = String::from("ls -l /\nls -l /tree\n");
    for number in 0..FOLDERS {
        text.push_str(&format!("ls -l /tree/d{number}\n"));
    }
    fs::write(&requests, text)?;
    timed(Command::new("debugfs").arg("-f").arg(&requests).arg(&bench.image))
}

fn boot() -> Outcome<Duration> {
    let start = Instant::now();
    let kernel = rumpkit::Kernel::builder(PosixHost::new()).boot()?;
    let elapsed = start.elapsed();
    drop(kernel);
    Ok(elapsed)
}

fn boot_and_mount(bench: &Bench) -> Outcome<Duration> {
    let start = Instant::now();
    open(bench)?.process().stat("/large")?;
    Ok(start.elapsed())
}

fn timed(command: &mut Command) -> Outcome<Duration> {
    let start = Instant::now();
    succeed(command)?;
    Ok(start.elapsed())
}

fn succeed(command: &mut Command) -> Outcome {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}
