//! Dirty journals: an image copied while it was mounted, as a power cut leaves it.
//!
//! One copy goes to us, read-only. Another is mounted by the kernel, which replays its journal. Both views
//! must be the same, and our copy must not have changed.
#![forbid(unsafe_code)]

use interop::image::Image;
use interop::mount::Mounted;
use interop::suite::{Suite, lacks_kernel};
use interop::tree::{Contents, Tree, compare, of_host, sha256_of_file};
use interop::{Check, context, rump, source};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

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

fn main() {
    let lacking = lacks_kernel();
    let mut suite = Suite::default();
    for (name, format, options) in CASES {
        let run = || same_as_after_recovery(name, format, options);
        suite.add(format!("{name}_looks_as_after_recovery"), lacking, run);
    }
    suite.run();
}

fn same_as_after_recovery(name: &str, format: &str, options: &str) -> Check {
    let format: Vec<&str> = format.split(' ').collect();
    let image = Image::make(name, 128, &format, None)?;
    let long_commit = format!("commit=300{}{options}", if options.is_empty() { "" } else { "," });
    let mounted = Mounted::read_write(&image.path(), &long_commit)?;
    before_the_sync(mounted.path())?;
    rustix::fs::sync();
    let still_open = after_the_sync(mounted.path())?;
    let ours = image.copy("ours")?;
    let kernels = image.copy("kernels")?;
    drop(still_open);
    mounted.unmount()?;
    if !ours.superblock()?.contains("needs_recovery") {
        return Err("the copy is clean, so it proves nothing".to_string());
    }
    let before = sha256_of_file(&ours.path())?;
    let mut seen = rump::view(&ours.path().to_string_lossy(), Contents::Hashed)?;
    if sha256_of_file(&ours.path())? != before {
        return Err("reading replayed the journal on disk".to_string());
    }
    Mounted::read_write(&kernels.path(), "noatime")?.unmount()?;
    let recovered = Mounted::read_only(&kernels.path())?;
    let mut oracle = of_host(recovered.path(), Contents::Hashed)?;
    if name.contains("fast_commit") {
        forget_rebuilt_directories(&mut oracle, &mut seen);
    }
    compare(&oracle, &seen)
}

/// Replaying a fast commit, the kernel adds names as if they were new: a directory's times become those of
/// the recovery, which no image tells, and its length follows from where the kernel finds room for them, while
/// ours stays that of the last full commit.
fn forget_rebuilt_directories(oracle: &mut Tree, ours: &mut Tree) {
    for entry in oracle.values_mut().chain(ours.values_mut()).filter(|entry| entry.kind == "dir") {
        (entry.mtime, entry.ctime, entry.size) = ((0, 0), (0, 0), 0);
    }
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
