//! The command on images that are packed as a whole: every file is what it is in the raw image, the first time and when
//! something was kept; what was kept is not trusted; and packed bombs cost bounded memory.
#![forbid(unsafe_code)]

use interop::image::Scratch;
use interop::mutant::{self, crc};
use interop::program::{Finished, lacks, run_ok, run_within};
use interop::suite::Suite;
use interop::{Check, context, rump, text};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(120);
/// Address space of a command.
const MEMORY_BYTES: u64 = 384 << 20;

/// Packers, run by the shell in the folder of `raw`; what `rump info` says; and whether an index, or all, is kept.
const MADE: &[(&str, &str, &str, Kept)] = &[
    ("gzip_fast", "gzip -1 < raw", "gzip (index of ", Kept::Index),
    ("gzip_best", "gzip -9 < raw", "gzip (index of ", Kept::Index),
    ("pigz", "pigz -p 2 < raw", "gzip (index of ", Kept::Index),
    ("bgzip", "bgzip -c raw", "gzip (index of ", Kept::Index),
    (
        "gzip_members",
        "(head -c 99999999 raw | gzip -1; tail -c +100000000 raw | gzip -1)",
        "gzip (index of ",
        Kept::Index,
    ),
    ("xz_one_block", "xz -0 -T1 < raw", "xz (unpacked in the cache)", Kept::Unpacked),
    ("xz_blocks", "xz -0 -T1 --block-size=8MiB < raw", "xz (38 blocks)", Kept::Nothing),
    ("xz_threads", "xz -1 -T2 < raw", "xz (100 blocks)", Kept::Nothing),
    ("zstd_one_frame", "zstd -qc < raw", "zstd (unpacked in the cache)", Kept::Unpacked),
    ("zstd_long", "zstd -qc --long=27 < raw", "zstd (unpacked in the cache)", Kept::Unpacked),
    (
        "zstd_frames",
        "(split -b 10M --filter='cat > part; zstd -qc part' raw)",
        "zstd (30 frames)",
        Kept::Nothing,
    ),
    ("bzip2", "bzip2 -1 < raw", "bzip2 (unpacked in the cache)", Kept::Unpacked),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Nothing,
    Index,
    Unpacked,
}

fn main() {
    let mut suite = Suite::default();
    let lacking = lacks(&["gzip", "pigz", "bgzip", "xz", "zstd", "bzip2", "mke2fs", "prlimit", "split"]);
    for (name, how, layer, kept) in MADE {
        suite.add(format!("{name}_is_the_raw_image"), lacking, move || same(how, layer, *kept));
    }
    suite.add("a_damaged_or_stale_index_is_made_anew", lacking, not_trusted);
    suite.add("two_thousand_variants_of_an_index_change_nothing", lacking, hostile);
    suite.add("an_index_that_has_no_place_beside_is_in_the_cache", lacking, elsewhere);
    suite.add("packed_images_are_not_written", lacking, refused);
    suite.add("a_signal_while_an_index_is_made_leaves_nothing", lacking, interrupted);
    suite.add("a_signal_after_that_does_what_it_always_does", lacking, interrupted_later);
    suite.add("bombs_cost_bounded_memory", lacking, bombs);
    suite.run();
}

/// A raw image of 300 MiB with this project in it, and the command; made once, and removed with its folder at the end.
fn raw() -> Check<&'static (PathBuf, String)> {
    static RAW: OnceLock<Check<(PathBuf, String)>> = OnceLock::new();
    RAW.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packed");
        let tree = folder.join("tree");
        let _ = fs::remove_dir_all(&folder);
        context(fs::create_dir_all(&tree), "tree")?;
        for source in ["fs", "net", "kern", "dev", "docs", "tests"] {
            let source = rump::project().join(source).display().to_string();
            run_ok("cp", &["-r", &source, &tree.display().to_string()])?;
        }
        context(fs::copy(rump::binary()?, tree.join("program")), "program")?;
        let (raw, tree) = (folder.join("raw").display().to_string(), tree.display().to_string());
        run_ok("mke2fs", &["-q", "-F", "-t", "ext4", "-d", &tree, &raw, "300M"])?;
        context(fs::remove_dir_all(&tree), "tree")?;
        let finished = rump::run(&["sum", &format!("{raw}:/")], LIMIT)?;
        if finished.status != Some(0) || finished.stdout.len() < 10_000 {
            return Err(format!("the raw image: {}", finished.verdict()));
        }
        Ok((raw.into(), String::from_utf8_lossy(&finished.stdout).into_owned()))
    })
    .as_ref()
    .map_err(Clone::clone)
}

fn pack(scratch: &Scratch, how: &str) -> Check {
    let (raw, _) = raw()?;
    if !scratch.path("raw").exists() {
        context(std::os::unix::fs::symlink(raw, scratch.path("raw")), "raw")?;
    }
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{how} > image")).current_dir(scratch.path(""));
    let finished = run_within(&mut shell, LIMIT)?;
    if finished.status == Some(0) { Ok(()) } else { Err(format!("{how}: {}", finished.verdict())) }
}

/// `rump` with a cache of its own, and a limit of memory.
fn command(scratch: &Scratch, words: &[&str], cache_bytes: &str) -> Check<Command> {
    let mut command = Command::new("prlimit");
    command.arg(format!("--as={MEMORY_BYTES}")).arg("--core=0").arg(rump::binary()?).args(words);
    command.current_dir(scratch.path("")).env("XDG_CACHE_HOME", scratch.path("cache"));
    command.env("RUMP_CACHE_BYTES", cache_bytes);
    Ok(command)
}

fn run(scratch: &Scratch, words: &[&str], cache_bytes: &str) -> Check<Finished> {
    run_within(&mut command(scratch, words, cache_bytes)?, LIMIT)
}

fn told(scratch: &Scratch, words: &[&str], status: i32) -> Check<String> {
    let finished = run(scratch, words, "4000000000")?;
    match finished.status == Some(status) {
        true => Ok(format!("{}{}", String::from_utf8_lossy(&finished.stdout), finished.stderr)),
        false => Err(format!("rump {words:?}: {}", finished.verdict())),
    }
}

fn contains(text: &str, wanted: &str) -> Check {
    if text.contains(wanted) { Ok(()) } else { Err(format!("no {wanted:?} in\n{text}")) }
}

/// Whether every file has the sum that it has in the raw image.
fn sums(scratch: &Scratch) -> Check {
    let (raw, expected) = raw()?;
    let ours = told(scratch, &["-q", "sum", "image:/"], 0)?;
    let expected = expected.replace(&raw.display().to_string(), "image");
    if ours == expected { Ok(()) } else { Err("files have other sums".into()) }
}

fn names(folder: PathBuf) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn same(how: &str, layer: &str, kept: Kept) -> Check {
    let scratch = Scratch::new("packed")?;
    pack(&scratch, how)?;
    contains(&told(&scratch, &["info", "image"], 0)?, &format!("\nLayers:\n  {layer}"))?;
    sums(&scratch)?;
    let (beside, cached) = (scratch.path("image.rumpidx").exists(), names(scratch.path("cache/rump")));
    if beside != (kept == Kept::Index) || cached.len() != usize::from(kept == Kept::Unpacked) {
        return Err(format!("an index: {beside}; in the cache: {cached:?}"));
    }
    Ok(())
}

fn not_trusted() -> Check {
    let scratch = Scratch::new("untrusted")?;
    pack(&scratch, "gzip -1 < raw")?;
    sums(&scratch)?;
    let index = context(fs::read(scratch.path("image.rumpidx")), "index")?;
    // In the head, in the windows, in the table; and cut.
    for at in [3, 20, 40, 50, 5000, index.len() / 2, index.len() - 3000, index.len() - 30] {
        let mut other = index.clone();
        other[at] ^= 0x10;
        context(fs::write(scratch.path("image.rumpidx"), &other), "index")?;
        sums(&scratch).map_err(|what| format!("byte {at} flipped: {what}"))?;
    }
    for len in [0, 100, 4096, index.len() / 2] {
        context(fs::write(scratch.path("image.rumpidx"), &index[..len]), "index")?;
        sums(&scratch).map_err(|what| format!("cut to {len}: {what}"))?;
    }
    pack(&scratch, "gzip -5 < raw")?;
    sums(&scratch)
}

/// The index of a small file in variants: what is read is the same, or where its sums are right, an error is told.
fn hostile() -> Check {
    let scratch = Scratch::in_memory("hostile")?;
    let content = scratch.path("raw");
    run_ok("mke2fs", &["-q", "-F", "-t", "ext4", "-O", "^has_journal", &text(&content), "12M"])?;
    let file = interop::source::pattern(1, 2_200_000);
    context(fs::write(scratch.path("file"), &file), "file")?;
    run_ok(
        "debugfs",
        &["-w", "-R", &format!("write {} file", text(&scratch.path("file"))), &text(&content)],
    )?;
    let mut shell = Command::new("sh");
    shell.args(["-c", "gzip -1 < raw > image"]).current_dir(scratch.path(""));
    run_within(&mut shell, LIMIT)?;
    let wanted = told(&scratch, &["-q", "sum", "raw:/file"], 0)?.replace("raw", "image");
    let read = |may_fail: bool| -> Check {
        let finished = run(&scratch, &["-q", "sum", "image:/file"], "4000000000")?;
        match finished.status {
            Some(0) if finished.stdout == wanted.as_bytes() => Ok(()),
            Some(1 | 3) if may_fail => Ok(()),
            _ => Err(finished.verdict()),
        }
    };
    read(false)?;
    let index = context(fs::read(scratch.path("image.rumpidx")), "index")?;
    mutant::each(|seed| {
        let mut other = index.clone();
        // The head, the table, which is at the end, or all of it.
        let places = [0..64, index.len() - index.len().min(400)..index.len(), 0..index.len()];
        mutant::mutate(&mut other[places[seed as usize / 2 % 3].clone()], seed);
        if seed % 2 == 0 {
            sums_of_index(&mut other);
        }
        if seed % 50 == 49 {
            other.truncate(index.len() * (seed as usize % 97) / 97);
        }
        context(fs::write(scratch.path("image.rumpidx"), &other), "index")?;
        read(seed % 2 == 0)
    })
}

/// The sums of the table and of the head.
fn sums_of_index(index: &mut [u8]) {
    let number = |at: usize| {
        index[at..at + 8].iter().rev().fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    let (at, len) = (number(40), number(48));
    if let Some(table) = index.get(at..).and_then(|rest| rest.get(..len)) {
        let sum = crc(0x82f6_3b78, !0, table);
        index[56..60].copy_from_slice(&sum.to_le_bytes());
    }
    let sum = crc(0x82f6_3b78, !0, &index[..60]);
    index[60..64].copy_from_slice(&sum.to_le_bytes());
}

fn elsewhere() -> Check {
    let scratch = Scratch::new("elsewhere")?;
    pack(&scratch, "gzip -1 < raw")?;
    context(fs::create_dir(scratch.path("image.rumpidx")), "folder")?;
    sums(&scratch)?;
    match names(scratch.path("cache/rump")).as_slice() {
        [only] if only.ends_with(".rumpidx") => sums(&scratch),
        others => Err(format!("in the cache: {others:?}")),
    }
}

fn refused() -> Check {
    for (how, name) in [("gzip -1 < raw", "gzip"), ("zstd -1 -qc < raw", "zstd")] {
        let scratch = Scratch::new("refused")?;
        pack(&scratch, how)?;
        contains(&told(&scratch, &["rm", "image:/docs"], 3)?, &format!("{name} images are not written"))?;
        contains(&told(&scratch, &["--format", "raw", "info", "image"], 3)?, "holds no partition table")?;
        contains(&told(&scratch, &["--format", "xz", "info", "image"], 3)?, "xz")?;
    }
    Ok(())
}

/// Begins a command, and sends it a signal once `is_time` says so.
fn signalled(
    scratch: &Scratch,
    words: &[&str],
    signal: Signal,
    is_time: impl Fn(&Child) -> bool,
) -> Check<(ExitStatus, String)> {
    let mut command = command(scratch, words, "4000000000")?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = context(command.spawn(), "rump")?;
    let deadline = Instant::now() + PATIENCE;
    while !is_time(&child) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
    let sent = context(kill_process(Pid::from_child(&child), signal), "signal");
    while Instant::now() < deadline + PATIENCE {
        if let Some(status) = context(child.try_wait(), "wait")? {
            let mut told = String::new();
            if let Some(mut stderr) = child.stderr.take() {
                context(stderr.read_to_string(&mut told), "stderr")?;
            }
            return sent.map(|()| (status, told));
        }
        thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill().and_then(|()| child.wait());
    Err(format!("rump {words:?} goes on after {signal:?}"))
}

fn interrupted() -> Check {
    for (how, words, signal, expected) in [
        ("gzip -1 < raw", &["ls", "image:/"][..], Signal::INT, 130),
        ("gzip -1 < raw", &["info", "image"], Signal::INT, 130),
        ("xz -0 -T1 < raw", &["ls", "image:/"], Signal::TERM, 143),
    ] {
        let scratch = Scratch::new("interrupted")?;
        pack(&scratch, how)?;
        let mut is_seen = false;
        for _ in 0..TRIES {
            if interrupted_in_time(&scratch, words, signal, expected)? {
                is_seen = true;
                break;
            }
        }
        if !is_seen {
            return Err(format!("{words:?}: no signal came before all was made"));
        }
        sums(&scratch)?;
    }
    Ok(())
}

/// How often a signal may come too late, on a machine that has much to do.
const TRIES: usize = 20;

/// Whether a signal came while something was made, of which nothing is left; else what was made is whole, and is removed.
fn interrupted_in_time(scratch: &Scratch, words: &[&str], signal: Signal, expected: i32) -> Check<bool> {
    let cache = scratch.path("cache/rump");
    let is_begun = || names(cache.clone()).iter().any(|name| name.ends_with(".part"));
    let (status, told) = signalled(scratch, words, signal, |_| is_begun())?;
    let (index, cached) = (scratch.path("image.rumpidx"), names(cache.clone()));
    let is_told = status.code() == Some(expected) && told.lines().count() == 1;
    if index.exists() || !cached.is_empty() {
        if is_begun() || !(is_told || status.signal() == Some(signal.as_raw())) {
            return Err(format!("{words:?}: {status}, in the cache: {cached:?}: {told}"));
        }
        sums(scratch)?;
        let _ = fs::remove_file(index);
        context(fs::remove_dir_all(cache), "cache")?;
        return Ok(false);
    }
    if is_told { Ok(true) } else { Err(format!("{words:?}: {status}, nothing is left: {told}")) }
}

fn interrupted_later() -> Check {
    let scratch = Scratch::new("later")?;
    pack(&scratch, "gzip -1 < raw")?;
    // It prints what was unpacked by the index, and waits, since nobody reads it.
    let index = scratch.path("image.rumpidx");
    let prints = |child: &Child| {
        let mut pipe = child.stdout.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)).collect::<Vec<_>>();
        poll(&mut pipe, Some(&Timespec::default())) == Ok(1)
    };
    let (status, told) = signalled(&scratch, &["cat", "image:/program"], Signal::INT, prints)?;
    match status.signal() == Some(Signal::INT.as_raw()) && index.exists() {
        true => sums(&scratch),
        false => Err(format!("{status}: {told}")),
    }
}

fn bombs() -> Check {
    let scratch = Scratch::new("bombs")?;
    for how in [
        "head -c 1G /dev/zero | gzip -1",
        "head -c 2G /dev/zero | zstd -qc",
        "head -c 1G /dev/zero | xz -0 -T1",
    ] {
        pack(&scratch, how)?;
        contains(&told(&scratch, &["info", "image"], 3)?, "holds no partition table")?;
    }
    pack(&scratch, "yes | head -c 300M | zstd -qc")?;
    let finished = run(&scratch, &["info", "image"], "100000000")?;
    contains(&finished.stderr, "longer than the 95 MiB")?;
    if finished.status != Some(3)
        || names(scratch.path("cache/rump")).iter().any(|name| name.ends_with(".part"))
    {
        return Err(format!("it is kept: {}", finished.verdict()));
    }
    Ok(())
}
