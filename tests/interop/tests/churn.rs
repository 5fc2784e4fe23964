//! Trees that the kernel's own driver made, grown and cut until they have every shape it makes.
#![forbid(unsafe_code)]

use interop::image::Image;
use interop::mount::Mounted;
use interop::program::run_ok;
use interop::suite::{Suite, is_quick, lacks_kernel};
use interop::tree::{Contents, Tree, compare, of_host};
use interop::{Check, context, rump, source};
use rustix::fs::{FallocateFlags, XattrFlags, fallocate, lsetxattr};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// What is done to the mounted image.
type Churn = fn(&Path) -> Check;

/// Name, mebibytes, options of `mke2fs`, what happens, and whether contents are compared.
const CASES: &[(&str, u64, &str, Churn, Contents)] = &[
    ("a_directory_of_100000_names_ext4", 512, "-t ext4 -N 130000", many_names, Contents::Hashed),
    ("a_directory_of_many_names_ext3_1k", 256, "-t ext3 -b 1024 -N 40000", some_names, Contents::Hashed),
    (
        "a_hash_tree_of_three_levels",
        512,
        "-t ext4 -b 1024 -O large_dir -N 70000",
        deep_tree,
        Contents::Skipped,
    ),
    ("a_directory_that_shrank", 128, "-t ext4 -b 1024", names_removed, Contents::Hashed),
    ("a_deep_extent_tree", 256, "-t ext4 -b 1024", fragments, Contents::Hashed),
    ("a_deep_extent_tree_with_bigalloc", 512, "-t ext4 -O bigalloc -C 16384", fragments, Contents::Hashed),
    ("triple_indirect_blocks_ext2", 256, "-t ext2 -b 1024", fragments, Contents::Hashed),
    ("triple_indirect_blocks_ext3", 256, "-t ext3 -b 1024", fragments, Contents::Hashed),
    ("a_hole_of_4_tebibytes", 64, "-t ext4 -b 4096", huge_hole, Contents::Skipped),
    ("a_hole_of_1_gibibyte", 64, "-t ext4", large_hole, Contents::Hashed),
    ("unwritten_extents", 128, "-t ext4", unwritten, Contents::Hashed),
    ("collapsed_and_inserted_ranges", 128, "-t ext4", ranges, Contents::Hashed),
    ("attributes_in_inode_and_block", 64, "-t ext4", attributes, Contents::Hashed),
    ("attributes_of_small_inodes", 64, "-t ext4 -I 128", attributes, Contents::Hashed),
    ("attributes_in_inodes_of_their_own", 64, "-t ext4 -O ea_inode", large_attributes, Contents::Hashed),
    ("the_source_tree_written_by_the_kernel", 256, "-t ext4", whole_source, Contents::Hashed),
    ("the_source_tree_written_inline", 256, "-t ext4 -O inline_data", whole_source, Contents::Hashed),
    ("the_source_tree_on_ext2", 256, "-t ext2", whole_source, Contents::Hashed),
];

/// Hash versions as `tune2fs` names them, and the superblock's flag for the signs of characters.
const HASHES: &[(&str, &str)] =
    &[("legacy", "1"), ("legacy", "2"), ("half_md4", "1"), ("half_md4", "2"), ("tea", "1"), ("tea", "2")];

fn main() {
    let lacking = lacks_kernel();
    let mut suite = Suite::default();
    for (name, mebibytes, options, churn, contents) in CASES {
        suite.add(*name, lacking, || agrees(name, *mebibytes, options, *churn, *contents));
    }
    let lacking = lacking.or_else(|| interop::program::lacks(&["debugfs", "tune2fs"]));
    for (hash, flag) in HASHES {
        let signs = if *flag == "1" { "signed" } else { "unsigned" };
        suite.add(format!("a_hash_tree_by_{signs}_{hash}"), lacking, || hash_agrees(hash, flag));
    }
    suite.run();
}

fn hash_agrees(hash: &str, flag: &str) -> Check {
    let image = Image::make(hash, 64, &["-t", "ext4", "-b", "1024", "-N", "8000"], None)?;
    let path = image.path().to_string_lossy().into_owned();
    run_ok("tune2fs", &["-E", &format!("hash_alg={hash}"), &path])?;
    run_ok("debugfs", &["-w", "-R", &format!("ssv flags {flag}"), &path])?;
    view_after(&image, names_beyond_ascii, Contents::Hashed)?;
    let dump = run_ok("debugfs", &["-R", "htree_dump /many", &path])?;
    let version = match hash {
        "legacy" => "Hash Version: 0",
        "half_md4" => "Hash Version: 1",
        _ => "Hash Version: 2",
    };
    if dump.contains(version) {
        Ok(())
    } else {
        Err(format!("not {version}: {}", &dump[..dump.len().min(200)]))
    }
}

/// Names of bytes with and without the highest bit, which the variants of a hash treat differently.
fn names_beyond_ascii(root: &Path) -> Check {
    let folder = root.join("many");
    context(fs::create_dir(&folder), "many")?;
    for number in 0..3_000_u32 {
        let letter = char::from_u32(0xe0 + number % 700).unwrap_or('x');
        create(&folder.join(format!("{letter}{number}-ünïcödé-{letter}")))?;
    }
    Ok(())
}

/// Names so long that three of them fill a block. Links spare the inodes.
fn deep_tree(root: &Path) -> Check {
    let folder = root.join("many");
    context(fs::create_dir(&folder), "many")?;
    create(&folder.join("first"))?;
    for number in 0..60_000_u32 {
        let name = folder.join(format!("{number}-{}", "n".repeat(235)));
        context(fs::hard_link(folder.join("first"), &name), "link")?;
    }
    Ok(())
}

fn agrees(name: &str, mebibytes: u64, options: &str, churn: Churn, contents: Contents) -> Check {
    let options: Vec<&str> = options.split(' ').collect();
    let image = Image::make(name, mebibytes, &options, None)?;
    view_after(&image, churn, contents)?;
    if name.contains("three_levels") {
        let path = image.path().to_string_lossy().into_owned();
        let dump = run_ok("debugfs", &["-R", "htree_dump /many", &path])?;
        if !dump.contains("Indirect levels: 2") {
            return Err(format!("the tree is not deep enough: {}", &dump[..dump.len().min(300)]));
        }
    }
    Ok(())
}

/// Changes the image, and compares our view with the kernel's.
fn view_after(image: &Image, churn: Churn, contents: Contents) -> Check {
    let mounted = Mounted::read_write(&image.path(), "")?;
    churn(mounted.path())?;
    mounted.unmount()?;
    let ours = rump::view(&image.path().to_string_lossy(), contents)?;
    let mounted = Mounted::read_only(&image.path())?;
    compare(&of_host(mounted.path(), contents)?, &ours)?;
    look_up(image, &ours)
}

/// Finds a hundred of the names one by one, as a listing does not; and not one that is not there.
fn look_up(image: &Image, tree: &Tree) -> Check {
    let place = image.path().to_string_lossy().into_owned();
    let step = (tree.len() / 100).max(1);
    let addresses: Vec<String> = tree.keys().step_by(step).map(|path| format!("{place}:{path}")).collect();
    let mut arguments = vec!["stat"];
    arguments.extend(addresses.iter().map(String::as_str));
    let found = rump::run(&arguments, Duration::from_secs(60))?;
    if found.status != Some(0) {
        return Err(format!("names of the listing are not found: {}", found.verdict()));
    }
    let absent = format!("{place}:/many/absent-\u{e9}");
    let absent = rump::run(&["stat", &absent], Duration::from_secs(60))?;
    if absent.status == Some(1) { Ok(()) } else { Err(format!("an absent name: {}", absent.verdict())) }
}

fn create(path: &Path) -> Check<File> {
    context(File::create(path), path.display())
}

fn names(root: &Path, count: usize) -> Check {
    let folder = root.join("many");
    context(fs::create_dir(&folder), "many")?;
    for number in 0..count {
        create(&folder.join(format!("{number}-of-very-many-names")))?;
    }
    Ok(())
}

fn many_names(root: &Path) -> Check {
    names(root, if is_quick() { 20_000 } else { 100_000 })
}

fn some_names(root: &Path) -> Check {
    names(root, 30_000)
}

fn names_removed(root: &Path) -> Check {
    names(root, 8_000)?;
    for number in (0..8_000).filter(|number| number % 5 != 0) {
        let path = root.join("many").join(format!("{number}-of-very-many-names"));
        context(fs::remove_file(&path), path.display())?;
    }
    let renamed = root.join("many/renamed-into-a-gap");
    context(fs::rename(root.join("many/0-of-very-many-names"), renamed), "rename")
}

/// Every other block of 20,000 and two files that grow by turns.
fn fragments(root: &Path) -> Check {
    let comb = create(&root.join("comb"))?;
    for tooth in 0..20_000_u64 {
        context(comb.write_all_at(&source::pattern(tooth, 1024), tooth * 8192), "comb")?;
    }
    context(comb.sync_all(), "comb")?;
    let (one, other) = (create(&root.join("one"))?, create(&root.join("other"))?);
    for turn in 0..300_u64 {
        for file in [&one, &other] {
            context(file.write_all_at(&source::pattern(turn, 5000), turn * 5000), "turns")?;
            context(file.sync_data(), "turns")?;
        }
    }
    Ok(())
}

fn hole_of(root: &Path, bytes: u64) -> Check {
    let file = create(&root.join("hole"))?;
    context(file.write_all_at(b"first", 0), "hole")?;
    context(file.write_all_at(b"middle", bytes / 2 + 77), "hole")?;
    context(file.write_all_at(b"last", bytes - 4), "hole")
}

fn huge_hole(root: &Path) -> Check {
    hole_of(root, 4 << 40)
}

fn large_hole(root: &Path) -> Check {
    hole_of(root, 1 << 30)
}

fn unwritten(root: &Path) -> Check {
    let file = create(&root.join("unwritten"))?;
    context(fallocate(&file, FallocateFlags::empty(), 0, 40 << 20), "fallocate")?;
    for index in 0..200_u64 {
        context(file.write_all_at(&source::pattern(index, 3000), index * 150_000), "unwritten")?;
    }
    let kept = create(&root.join("beyond-the-end"))?;
    context(fallocate(&kept, FallocateFlags::KEEP_SIZE, 0, 1 << 20), "fallocate")?;
    context(kept.write_all_at(b"short", 0), "unwritten")
}

fn ranges(root: &Path) -> Check {
    let file = create(&root.join("ranges"))?;
    context(file.write_all_at(&source::pattern(9, 4 << 20), 0), "ranges")?;
    context(file.sync_all(), "ranges")?;
    for index in 0..20_u64 {
        let at = index * 98_304;
        context(fallocate(&file, FallocateFlags::COLLAPSE_RANGE, at, 4096), "collapse")?;
        context(fallocate(&file, FallocateFlags::INSERT_RANGE, at + 8192, 8192), "insert")?;
        context(fallocate(&file, FallocateFlags::ZERO_RANGE, at + 32_768, 4096), "zero")?;
        let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        context(fallocate(&file, punch, at + 65_536, 5000), "punch")?;
    }
    Ok(())
}

fn set(path: &Path, name: &str, value: &[u8]) -> Check {
    context(lsetxattr(path, name, value, XattrFlags::empty()), format!("{}: {name}", path.display()))
}

/// An access list as the system call takes it: version 2, then tag, permissions and id of each entry.
fn access_list() -> Vec<u8> {
    let entries: [(u16, u16, u32); 5] =
        [(1, 6, u32::MAX), (2, 7, 1234), (4, 4, u32::MAX), (16, 7, u32::MAX), (32, 0, u32::MAX)];
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&permissions.to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    bytes
}

fn attributes(root: &Path) -> Check {
    for number in 0..20_u64 {
        let path = root.join(format!("file-{number}"));
        create(&path)?;
        set(&path, "user.shared", &source::pattern(1, 300))?;
        set(&path, "trusted.own", &source::pattern(number, number as usize * 7))?;
        set(&path, "security.label", b"secret")?;
    }
    let listed = root.join("access-list");
    create(&listed)?;
    set(&listed, "system.posix_acl_access", &access_list())?;
    let folder = root.join("folder");
    context(fs::create_dir(&folder), "folder")?;
    set(&folder, "system.posix_acl_default", &access_list())?;
    create(&folder.join("inherits"))?;
    Ok(())
}

fn large_attributes(root: &Path) -> Check {
    attributes(root)?;
    let path = root.join("large");
    create(&path)?;
    set(&path, "user.large", &source::pattern(5, 40_000))?;
    set(&path, "user.other", &source::pattern(6, 9_000))
}

fn whole_source(root: &Path) -> Check {
    source::fill(root, 3000)
}
