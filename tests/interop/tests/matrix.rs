//! Every way of making an ext file system that `mke2fs` offers, against the kernel's view of it.
//!
//! Where this kernel refuses a format (blocks larger than its pages, features it was built without), the
//! oracle is the tree that `mke2fs -d` was given, and the test says so.
#![forbid(unsafe_code)]

use interop::image::{Image, Scratch};
use interop::mount::Mounted;
use interop::suite::{Suite, is_quick, lacks_kernel};
use interop::tree::{Contents, as_source, compare, of_host, sha256_of_file};
use interop::{Check, rump, source};
use std::sync::{Arc, OnceLock};

/// The tree all images are filled from, made by the first trial and removed after the last.
type SharedSource = Arc<OnceLock<Check<Scratch>>>;

/// Name and options of `mke2fs`.
const FORMATS: &[(&str, &str)] = &[
    ("ext2-1k", "-t ext2 -b 1024"),
    ("ext2-2k", "-t ext2 -b 2048"),
    ("ext2-4k", "-t ext2 -b 4096"),
    ("ext2-revision-0", "-t ext2 -r 0 -b 1024"),
    ("ext2-inode-128", "-t ext2 -I 128 -b 1024"),
    ("ext2-inode-1024", "-t ext2 -I 1024 -b 4096"),
    ("ext2-without-filetype", "-t ext2 -b 1024 -O ^filetype"),
    ("ext2-without-dir-index", "-t ext2 -b 1024 -O ^dir_index"),
    ("ext2-without-sparse-super", "-t ext2 -b 1024 -O ^sparse_super,^resize_inode"),
    ("ext2-8k", "-t ext2 -b 8192"),
    ("ext3-1k", "-t ext3 -b 1024"),
    ("ext3-4k", "-t ext3 -b 4096"),
    ("ext3-inode-512", "-t ext3 -I 512"),
    ("ext4-1k", "-t ext4 -b 1024"),
    ("ext4-2k", "-t ext4 -b 2048"),
    ("ext4-4k", "-t ext4 -b 4096"),
    ("ext4-16k", "-t ext4 -b 16384"),
    ("ext4-64k", "-t ext4 -b 65536 -N 8192"),
    ("ext4-inode-128", "-t ext4 -I 128"),
    ("ext4-inode-512", "-t ext4 -I 512"),
    ("ext4-inode-1024", "-t ext4 -I 1024 -b 4096"),
    ("ext4-without-journal", "-t ext4 -O ^has_journal"),
    ("ext4-without-extents", "-t ext4 -O ^extent,^64bit"),
    ("ext4-inline-data", "-t ext4 -O inline_data"),
    ("ext4-inline-data-inode-1024", "-t ext4 -b 4096 -I 1024 -O inline_data"),
    ("ext4-inline-data-1k", "-t ext4 -b 1024 -O inline_data,^has_journal"),
    ("ext4-without-checksums", "-t ext4 -O ^metadata_csum"),
    ("ext4-uninit-bg", "-t ext4 -O ^metadata_csum,uninit_bg"),
    ("ext4-32bit", "-t ext4 -O ^64bit"),
    ("ext4-64bit", "-t ext4 -O 64bit"),
    ("ext4-bigalloc", "-t ext4 -O bigalloc -C 65536 -N 8192"),
    ("ext4-bigalloc-1k", "-t ext4 -b 1024 -O bigalloc -C 8192"),
    ("ext4-meta-bg", "-t ext4 -b 1024 -O meta_bg,^resize_inode"),
    ("ext4-sparse-super2", "-t ext4 -O sparse_super2,^resize_inode"),
    ("ext4-flex-bg-large", "-t ext4 -b 1024 -O flex_bg -G 64"),
    ("ext4-without-flex-bg", "-t ext4 -b 1024 -O ^flex_bg"),
    ("ext4-large-dir", "-t ext4 -O large_dir"),
    ("ext4-ea-inode", "-t ext4 -O ea_inode"),
    ("ext4-checksum-seed", "-t ext4 -O metadata_csum_seed"),
    ("ext4-without-resize-inode", "-t ext4 -O ^resize_inode"),
    ("ext4-quota", "-t ext4 -O quota"),
    ("ext4-project", "-t ext4 -O project,quota"),
    ("ext4-casefold", "-t ext4 -O casefold"),
    ("ext4-encrypt", "-t ext4 -O encrypt"),
    ("ext4-stable-inodes", "-t ext4 -O stable_inodes"),
    ("ext4-orphan-file", "-t ext4 -O orphan_file"),
    ("ext4-fast-commit", "-t ext4 -O fast_commit"),
    ("ext4-verity", "-t ext4 -O verity"),
    ("ext4-mmp", "-t ext4 -O mmp"),
    ("ext4-without-huge-file-and-extra-isize", "-t ext4 -O ^huge_file,^extra_isize,^dir_nlink"),
];

fn main() {
    let lacking = lacks_kernel();
    let source = SharedSource::default();
    let mut suite = Suite::default();
    for (name, options) in FORMATS {
        let source = Arc::clone(&source);
        let run = move || agrees_with_the_kernel(name, options, &source);
        suite.add(format!("{name}_agrees_with_the_kernel"), lacking, run);
    }
    drop(source);
    suite.run();
}

fn fill_once(source: &SharedSource) -> Check<&Scratch> {
    let made = source.get_or_init(|| {
        let scratch = Scratch::new("source")?;
        let root = scratch.path("tree");
        interop::context(std::fs::create_dir(&root), "source")?;
        source::fill(&root, if is_quick() { 300 } else { 2000 })?;
        Ok(scratch)
    });
    made.as_ref().map_err(Clone::clone)
}

fn agrees_with_the_kernel(name: &str, options: &str, source: &SharedSource) -> Check {
    let source = fill_once(source)?.path("tree");
    let options: Vec<&str> = options.split(' ').collect();
    let image = Image::make(name, 96, &options, Some(&source))?;
    let before = sha256_of_file(&image.path())?;
    let ours = rump::view(&image.path().to_string_lossy(), Contents::Hashed)?;
    if sha256_of_file(&image.path())? != before {
        return Err("reading changed the image".to_string());
    }
    match Mounted::read_only(&image.path()) {
        Ok(mounted) => compare(&of_host(mounted.path(), Contents::Hashed)?, &ours),
        Err(_) => {
            eprintln!("{name}: this kernel refuses it, so the judge is the tree given to mke2fs");
            compare(&as_source(of_host(&source, Contents::Hashed)?), &as_source(ours))
        }
    }
}
