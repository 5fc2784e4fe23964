//! The lock on an image, against the host's `flock`.

use crate::stage::{address, ensure, image_filled, run_to, text};
use interop::image::Image;
use interop::program::run_within;
use interop::{Check, context, rump, source};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn image() -> Check<Image> {
    let fill = |root: &std::path::Path| {
        context(std::fs::write(root.join("large"), source::pattern(1, 4 << 20)), "large")
    };
    image_filled("lock", 16, fill)
}

/// Another program that holds a lock until it is told to end.
struct Holder(Child);

impl Holder {
    fn start(image: &Image, how: &str) -> Check<Self> {
        let mut command = Command::new("flock");
        // It holds the lock itself, while the other one reads what never comes.
        command.args([how, text(&image.path())?, "cat"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let holder = Self(context(command.spawn(), "flock")?);
        let deadline = Instant::now() + Duration::from_secs(10);
        let place = format!(":{} ", inode(image)?);
        while Instant::now() < deadline {
            let locks = context(std::fs::read_to_string("/proc/locks"), "/proc/locks")?;
            if locks.lines().any(|line| line.contains("FLOCK") && line.contains(&place)) {
                return Ok(holder);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err("flock took no lock".into())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn inode(image: &Image) -> Check<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(context(std::fs::metadata(image.path()), "image")?.ino())
}

pub fn writer_is_named() -> Check {
    let image = image()?;
    let writer = Holder::start(&image, "-x")?;
    let path = image.path();
    let place = text(&path)?;
    for command in [vec!["ls", place], vec!["info", place], vec!["cp", "-r", place, "/nonexistent/target"]] {
        let finished = run_to(4, &command)?;
        let told = [place, "locked by", &format!("process {} (flock)", writer.0.id())];
        ensure(told.iter().all(|part| finished.stderr.contains(part)), || finished.verdict())?;
        ensure(finished.stderr.lines().count() == 1, || finished.verdict())?;
    }
    run_to(0, &["ls", "--no-lock", place])?;
    drop(writer);
    run_to(0, &["ls", place]).map(drop)
}

pub fn readers_share() -> Check {
    let image = image()?;
    let path = image.path();
    let place = text(&path)?;
    let other = Holder::start(&image, "-s")?;
    run_to(0, &["ls", place])?;
    drop(other);
    let try_lock = |how: &str| {
        let mut command = Command::new("flock");
        run_within(command.args(["-n", how, place, "true"]), Duration::from_secs(10))
    };
    ensure(try_lock("-x")?.status == Some(0), || "a lock was left".into())?;
    // It waits for a reader of its output, and holds the image meanwhile.
    let mut reader = Command::new(rump::binary()?);
    reader.args(["cat", &address(&image, "/large")]).stdout(Stdio::piped());
    let mut reader = context(reader.spawn(), "rump")?;
    let mut first = [0];
    use std::io::Read;
    let mut output = reader.stdout.take().ok_or("no output")?;
    context(output.read_exact(&mut first), "rump cat")?;
    let (shared, exclusive) = (try_lock("-s")?.status, try_lock("-x")?.status);
    let second = run_to(0, &["ls", place]);
    drop(output);
    let ended = context(reader.wait(), "rump")?;
    second?;
    ensure((shared, exclusive) == (Some(0), Some(1)), || {
        format!("shared {shared:?}, exclusive {exclusive:?}")
    })?;
    ensure(ended.success(), || format!("cat with its reader gone: {ended}"))?;
    ensure(try_lock("-x")?.status == Some(0), || "a lock was left".into())
}
