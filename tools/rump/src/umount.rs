//! `rump umount`: unmounts what `rump mount` mounted, and returns once the image is written out, or says that it is not.
//!
//! The process that serves holds the lock of the image until then; which image it is says the host's list of mounts.

use crate::outcome::Wanted;
use crate::output::escaped;
use crate::session::{Failure, Session};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::hyper::Access;
use rumpkit::image::{Address, LockPolicy, open_device};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How long writing out may take before it is told of.
const PATIENCE: Duration = Duration::from_secs(60);

/// Arguments of `rump umount`.
#[derive(ClapArgs)]
pub struct Args {
    #[command(flatten)]
    wanted: Wanted,
    /// Where they are mounted
    #[arg(value_name = "DIR", required = true, value_hint = ValueHint::DirPath)]
    dirs: Vec<PathBuf>,
}

/// Unmounts all of them.
pub fn run(args: &Args, session: &mut Session) -> Result<(), Failure> {
    session.outcome.ask(args.wanted.json, false);
    for dir in &args.dirs {
        match unmount(dir, session) {
            Ok(()) => session.progress.add_file(),
            Err(text) => session.report_host(dir.as_os_str().as_bytes(), &text),
        }
    }
    Ok(())
}

fn unmount(dir: &Path, session: &Session) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let point = fs::canonicalize(dir).or_else(|_| std::path::absolute(dir)).map_err(text)?;
    let mounts = fs::read("/proc/self/mountinfo").map_err(text)?;
    let source = source_of(&mounts, point.as_os_str().as_bytes());
    let source = source.ok_or("nothing is mounted there by 'rump mount'")?;
    // The process that serves has nobody to tell of what it cannot write when it ends.
    let written = rump_fuse::write_out(&point);
    let unmounted = rump_fuse::unmount(&point).map_err(text);
    let unmounted = unmounted.and_then(|()| wait(&Address::parse(&**session.host(), &source), session));
    let Err(error) = written else { return unmounted };
    let lost = format!("not all that was written could be written out: {error}");
    Err(unmounted.map_or_else(|why| format!("{why}; {lost}"), |()| format!("unmounted, but {lost}")))
}

/// The source of what is mounted at `point`, by a line of mountinfo; the last one counts.
fn source_of(mounts: &[u8], point: &[u8]) -> Option<Vec<u8>> {
    let wanted = format!("fuse.{}", rump_fuse::SUBTYPE);
    let here = mounts.split(|&byte| byte == b'\n').rev().find_map(|line| {
        let mut words = line.split(|&byte| byte == b' ');
        let is_here = words.nth(4).is_some_and(|word| unescaped(word) == point);
        let mut behind = words.skip_while(|word| *word != b"-").skip(1);
        is_here.then(|| (behind.next(), behind.next().map(unescaped)))
    });
    let (kind, source) = here?;
    source.filter(|_| kind == Some(wanted.as_bytes()))
}

/// A word in which some bytes are written as a backslash and three octal digits (proc(5)).
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = word;
    while let [first, behind @ ..] = rest {
        let digits = behind
            .get(..3)
            .filter(|digits| *first == b'\\' && digits.iter().all(|d| (b'0'..=b'7').contains(d)));
        match digits {
            Some(digits) => {
                bytes.push(digits.iter().fold(0, |byte: u8, digit| byte << 3 | (digit - b'0')));
                rest = &behind[3..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    bytes
}

/// Waits until nobody holds the image. One that cannot be opened tells nothing.
fn wait(address: &Address, session: &Session) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    let is_held = || {
        let opened = open_device(&**session.host(), address.image(), Access::Read, LockPolicy::Lock);
        opened.is_err_and(|error| error.is_locked())
    };
    while is_held() {
        if Instant::now() >= deadline {
            let image = OsString::from_vec(address.image().to_vec());
            return Err(format!("unmounted, but {} is still held", escaped(image.as_bytes())));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_that_of_the_last_mount_of_ours() {
        let mounts = b"20 1 0:30 / /a\\040b rw,noatime - fuse.rump /x/disk\\134.img@1 rw\n\
            21 1 0:31 / /c rw shared:1 - ext4 /dev/sda rw\n22 21 0:32 / /c rw - fuse.rump /one rw\n\
            23 21 0:33 / /d rw - fuse.rump /two rw\n24 23 0:33 / /d rw - tmpfs none rw\n";
        assert_eq!(source_of(mounts, b"/a b").as_deref(), Some(&b"/x/disk\\.img@1"[..]));
        assert_eq!(source_of(mounts, b"/c").as_deref(), Some(&b"/one"[..]));
        assert_eq!(source_of(mounts, b"/d"), None);
        assert_eq!(source_of(mounts, b"/e"), None);
    }
}
