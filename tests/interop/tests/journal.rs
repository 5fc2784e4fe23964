//! Dirty journals: an image copied while it was mounted, as a power cut leaves it.
//!
//! One copy goes to us, read-only. Another is mounted by the kernel, which replays its journal. Both views
//! must be the same, and our copy must not have changed.
#![forbid(unsafe_code)]

use interop::image::Image;
use interop::mount::Mounted;
use interop::program::run_ok;
use interop::suite::{Suite, lacks_kernel};
use interop::tree::{Contents, Time, Tree, compare, of_host, sha256_of_file};
use interop::{Check, context, rump, source};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Name, options of `mke2fs`, options of `mount`.
const CASES: &[(&str, &str, &str)] = &[
    ("ext3_1k", "-t ext3 -b 1024", ""),
    ("ext3_4k", "-t ext3 -b 4096", ""),
    ("ext3_data_in_the_journal", "-t ext3 -b 1024", "data=journal"),
    ("ext4_checksums_64bit", "-t ext4 -O 64bit,metadata_csum", ""),
    ("ext4_1k", "-t ext4 -b 1024", ""),
    ("ext4_32bit_without_checksums", "-t ext4 -O ^64bit,^metadata_csum", ""),
    ("ext4_asynchronous_commit", "-t ext4 -O ^metadata_csum", "journal_async_commit,data=writeback"),
    ("ext4_data_in_the_journal", "-t ext4", "data=journal"),
    ("ext4_fast_commit", "-t ext4 -O fast_commit", ""),
    ("ext4_fast_commit_1k", "-t ext4 -b 1024 -O fast_commit", ""),
    ("ext4_orphan_file", "-t ext4 -O orphan_file", ""),
    ("ext4_small_journal_that_wrapped", "-t ext4 -b 1024 -J size=1", ""),
    ("ext4_inline_data", "-t ext4 -O inline_data", ""),
];

/// What is done to our copy only.
type Spoil = fn(&Image) -> Check;

/// Name, options of `mke2fs`, and damage that must not keep the journal from being found.
const SPOILED: &[(&str, &str, Spoil)] = &[
    ("ext3_without_the_inode_of_the_journal", "-t ext3 -b 1024", clear_journal_inode),
    ("ext4_without_the_inode_of_the_journal", "-t ext4 -b 1024", clear_journal_inode),
    ("ext4_4k_without_the_inode_of_the_journal", "-t ext4 -b 4096", clear_journal_inode),
    ("ext3_without_its_superblock", "-t ext3 -b 1024", wipe_superblock),
    ("ext4_without_its_superblock", "-t ext4 -b 1024", wipe_superblock),
];

/// Name, options of `mke2fs`, and how `debugfs` opens the journal: with checksums of which version.
const WRITTEN: &[(&str, &str, &str)] = &[
    ("ext3_1k", "-t ext3 -b 1024", ""),
    ("ext3_4k", "-t ext3 -b 4096", ""),
    ("ext4_32bit", "-t ext4 -O ^64bit", ""),
    ("ext4_64bit", "-t ext4 -O 64bit", ""),
    ("ext4_32bit_checksums_2", "-t ext4 -b 1024 -O ^64bit", "-c -v 2"),
    ("ext4_64bit_checksums_2", "-t ext4 -b 1024 -O 64bit", "-c -v 2"),
    ("ext4_4k_checksums_2", "-t ext4 -b 4096", "-c -v 2"),
    ("ext4_32bit_checksums_3", "-t ext4 -b 1024 -O ^64bit", "-c -v 3"),
    ("ext4_64bit_checksums_3", "-t ext4 -b 1024 -O 64bit", "-c -v 3"),
    ("ext4_4k_checksums_3", "-t ext4 -b 4096", "-c -v 3"),
];

fn main() {
    let lacking = lacks_kernel();
    let mut suite = Suite::default();
    for (name, format, options) in CASES {
        let run = || same_as_after_recovery(name, format, options, |_| Ok(()));
        suite.add(format!("{name}_looks_as_after_recovery"), lacking, run);
    }
    let lacking = lacking.or_else(|| interop::program::lacks(&["debugfs"]));
    for (name, format, spoil) in SPOILED {
        let run = || same_as_after_recovery(name, format, "", *spoil);
        suite.add(format!("{name}_looks_as_after_recovery"), lacking, run);
    }
    for (name, format, opening) in WRITTEN {
        let run = || written_by_debugfs(name, format, opening);
        suite.add(format!("{name}_as_debugfs_writes_it"), lacking, run);
    }
    suite.run();
}

fn debugfs(image: &Image, arguments: &[&str]) -> Check<String> {
    let path = image.path().to_string_lossy().into_owned();
    let all: Vec<&str> = arguments.iter().copied().chain([path.as_str()]).collect();
    run_ok("debugfs", &all)
}

fn clear_journal_inode(image: &Image) -> Check {
    debugfs(image, &["-w", "-R", "clri <8>"]).map(drop)
}

fn wipe_superblock(image: &Image) -> Check {
    let file = context(File::options().write(true).open(image.path()), "image")?;
    context(file.write_all_at(&[0; 1024], 1024), "image")
}

fn same_as_after_recovery(name: &str, format: &str, options: &str, spoil: Spoil) -> Check {
    let format: Vec<&str> = format.split(' ').collect();
    let image = Image::make(name, 128, &format, None)?;
    let long_commit = format!("commit=300{}{options}", if options.is_empty() { "" } else { "," });
    let mounted = Mounted::read_write(&image.path(), &long_commit)?;
    before_the_sync(mounted.path())?;
    mounted.sync()?;
    let still_open = after_the_sync(mounted.path())?;
    let ours = image.copy("ours")?;
    // Of the copy: the kernel may write to the image meanwhile.
    let kernels = ours.copy("kernels")?;
    drop(still_open);
    mounted.unmount()?;
    // The kernel's clock for files lags behind by a tick or two.
    std::thread::sleep(Duration::from_millis(50));
    let recovery = context(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH), "clock")?;
    let recovery = recovery.saturating_sub(Duration::from_millis(25));
    let recovered = recover(&kernels)?;
    let oracle = of_host(recovered.path(), Contents::Hashed)?;
    let mut seen = see_dirty(&ours, spoil)?;
    if name.contains("fast_commit") {
        let recovery = (recovery.as_secs() as i64, recovery.subsec_nanos());
        forgive_rebuilt_directories(&oracle, &mut seen, recovery)?;
    }
    compare(&oracle, &seen)
}

/// Our view of a dirty image, which must stay dirty.
fn see_dirty(image: &Image, spoil: Spoil) -> Check<Tree> {
    if !image.superblock()?.contains("needs_recovery") {
        return Err("the copy is clean, so it proves nothing".to_string());
    }
    spoil(image)?;
    let before = sha256_of_file(&image.path())?;
    let seen = rump::view(&image.path().to_string_lossy(), Contents::Hashed)?;
    if sha256_of_file(&image.path())? != before {
        return Err("reading replayed the journal on disk".to_string());
    }
    Ok(seen)
}

fn recover(image: &Image) -> Check<Mounted> {
    Mounted::read_write(&image.path(), "noatime")?.unmount()?;
    Mounted::read_only(&image.path())
}

/// Replaying a fast commit, the kernel adds and removes names as if they were new. The times of their directory
/// become those of the recovery, which no image tells. If a name does not fit, the directory grows, by blocks that
/// depend on how the kernel splits those it has. Only such directories are forgiven, and only these differences.
fn forgive_rebuilt_directories(oracle: &Tree, ours: &mut Tree, recovery: Time) -> Check {
    let rebuilt = oracle.iter().filter(|(_, entry)| entry.kind == "dir" && entry.mtime >= recovery);
    let mut count = 0;
    for (path, theirs) in rebuilt {
        let Some(entry) = ours.get_mut(path) else { continue };
        (entry.mtime, entry.ctime) = (theirs.mtime, theirs.ctime);
        entry.size = entry.size.max(theirs.size);
        count += 1;
    }
    if count == 0 {
        Err("no directory is of a fast commit, so it proves nothing".to_string())
    } else {
        Ok(())
    }
}

/// Three transactions over a file's blocks: all of them, with one that begins as the journal's own blocks do; a
/// revocation of two; and one of these again.
fn written_by_debugfs(name: &str, format: &str, opening: &str) -> Check {
    let scratch = interop::image::Scratch::new("journal")?;
    let folder = scratch.path("tree");
    context(fs::create_dir(&folder), "source")?;
    context(fs::write(folder.join("victim"), source::pattern(1, 40_000)), "victim")?;
    let format: Vec<&str> = format.split(' ').collect();
    let ours = Image::make(name, 64, &format, Some(&folder))?;
    let answer = debugfs(&ours, &["-R", "blocks /victim"])?;
    let blocks: Vec<&str> = answer.split_whitespace().collect();
    let [one, two, three, four, ..] = blocks.as_slice() else { return Err(format!("blocks {answer}")) };
    let mut first = source::pattern(2, 4 * 4096);
    first[..4].copy_from_slice(&0xc03b_3998_u32.to_be_bytes());
    let (new, newer, commands) = (scratch.path("new"), scratch.path("newer"), scratch.path("commands"));
    context(fs::write(&new, first), "new")?;
    context(fs::write(&newer, source::pattern(3, 4096)), "newer")?;
    let (new, newer) = (new.display(), newer.display());
    let text = format!(
        "jo {opening}\njw -b {one},{two},{three},{four} {new}\njw -r {two},{three}\njw -b {three} {newer}\njc\n"
    );
    context(fs::write(&commands, text), "commands")?;
    debugfs(&ours, &["-w", "-f", &commands.to_string_lossy()])?;
    let version = opening.rsplit(' ').next().unwrap_or_default();
    if !opening.is_empty() && !ours.superblock()?.contains(&format!("journal_checksum_v{version}")) {
        return Err(format!("no checksums of version {version} in the journal"));
    }
    let kernels = ours.copy("kernels")?;
    let seen = see_dirty(&ours, |_| Ok(()))?;
    let recovered = recover(&kernels)?;
    let oracle = of_host(recovered.path(), Contents::Hashed)?;
    compare(&oracle, &seen)
}

fn before_the_sync(root: &Path) -> Check {
    source::fill(root, 400)?;
    context(fs::create_dir(root.join("doomed")), "doomed")?;
    for number in 0..500 {
        context(fs::write(root.join(format!("doomed/{number}")), "x"), "doomed")?;
    }
    context(fs::write(root.join("grows"), source::pattern(1, 10_000)), "grows")
}

/// Changes that are committed to the journal by `fsync` and not yet written where they belong. Answers files
/// that have no name any more but are still open.
fn after_the_sync(root: &Path) -> Check<Vec<File>> {
    context(fs::create_dir(root.join("fresh")), "fresh")?;
    for number in 0..50_u64 {
        let path = root.join(format!("fresh/{number}"));
        context(fs::write(&path, source::pattern(number, 3000)), "fresh")?;
    }
    context(fs::remove_dir_all(root.join("doomed")), "doomed")?;
    context(fs::rename(root.join("links/one"), root.join("fresh/moved")), "rename")?;
    context(fs::hard_link(root.join("grows"), root.join("fresh/linked")), "link")?;
    context(std::os::unix::fs::symlink("u".repeat(300), root.join("fresh/symbolic")), "symlink")?;
    let orphan = context(File::create(root.join("orphan")), "orphan")?;
    context(orphan.write_all_at(&source::pattern(2, 100_000), 0), "orphan")?;
    context(fs::remove_file(root.join("orphan")), "orphan")?;
    let shrinks = context(File::options().write(true).open(root.join("sizes/1MiB+1")), "shrinks")?;
    context(shrinks.set_len(5000), "shrinks")?;
    let mut grows = context(File::options().append(true).open(root.join("grows")), "grows")?;
    for turn in 0..20 {
        context(grows.write_all(&source::pattern(turn, 20_000)), "grows")?;
        context(grows.sync_all(), "grows")?;
        let beside = root.join(format!("fresh/beside-{turn}"));
        context(fs::write(&beside, source::pattern(turn, 700)), "beside")?;
        context(context(File::open(&beside), "beside")?.sync_all(), "beside")?;
    }
    Ok(vec![orphan])
}
