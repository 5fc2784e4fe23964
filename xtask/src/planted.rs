//! Defects planted in a copy of the sources, each of which the fuzzing has to find.
//!
//! A campaign that finds nothing proves something only if it would have found something. Each defect takes one
//! check away, and each lies behind checksums: without their repair after a mutation none is found in hours.

use crate::{fuzz, workspace};
use std::fs;
use std::path::{Path, PathBuf};

/// A check, or another thing done for safety, and what it becomes.
pub struct Defect {
    /// What is wrong then.
    pub name: &'static str,
    /// The target or the test that has to find it.
    pub target: &'static str,
    /// Where the check is.
    pub file: &'static str,
    /// The check, which is there once.
    pub check: &'static str,
    /// What stands there instead.
    pub becomes: &'static str,
}

const DEFECTS: &[Defect] = &[
    Defect {
        name: "directory record reaches beyond its block",
        target: "ext2fs_walk",
        file: "fs/rumpfs-ext2fs/src/inode/dir/record.rs",
        check: "length < HEAD || length % 4 != 0 || length > bytes.len()",
        becomes: "length < HEAD || length % 4 != 0",
    },
    Defect {
        name: "group descriptor larger than a block",
        target: "ext2fs_walk",
        file: "fs/rumpfs-ext2fs/src/superblock.rs",
        check: "desc < least || u32::from(desc) > block_size",
        becomes: "desc < least",
    },
    Defect {
        name: "attribute name reaches beyond its area",
        target: "ext2fs_walk",
        file: "fs/rumpfs-ext2fs/src/inode/xattr/mod.rs",
        check: "area.get(offset + ENTRY_LEN..)?.get(..usize::from(fixed[0]))?",
        becomes: "&area[offset + ENTRY_LEN..][..usize::from(fixed[0])]",
    },
    Defect {
        name: "directory record that leaves less than a record",
        target: "ext2fs_walk",
        file: "fs/rumpfs-ext2fs/src/inode/dir/record.rs",
        check: "let head = Self(u64::from_le_bytes(*rest.first_chunk()?));",
        becomes: "let head = Self(u64::from_le_bytes(rest[..HEAD].try_into().ok()?));",
    },
    Defect {
        name: "journal descriptor without a last tag",
        target: "ext2fs_walk",
        file: "fs/rumpfs-ext2fs/src/journal/tag.rs",
        check: "self.block.get(self.offset..end)?",
        becomes: "&self.block[self.offset..end]",
    },
    Defect {
        name: "fast commit record longer than its block",
        target: "ext2fs_walk",
        file: "fs/rumpfs-ext2fs/src/journal/fast_commit.rs",
        check: "let Some((value, next)) = after.split_at_checked(len) else { return Ok(Step::End) };",
        becomes: "let (value, next) = after.split_at(len);",
    },
    Defect {
        name: "GPT entries of no size",
        target: "partitions",
        file: "dev/rumpdev-disk/src/gpt.rs",
        check: "entry_size < 128 || entry_size % 8 != 0",
        becomes: "entry_size % 8 != 0",
    },
    Defect {
        name: "disklabel with more partitions than it holds",
        target: "partitions",
        file: "dev/rumpdev-disk/src/disklabel.rs",
        check: ".get(..end)?",
        becomes: "[..end]",
    },
];

/// The folders that the targets are built from.
const SOURCES: &[&str] = &["abi", "lib", "hyper", "kpi", "fs", "net", "dev", "fuzz", "Cargo.toml"];

/// Plants one defect after the other, and fails if one is not found within `seconds`.
pub fn find_all(seconds: u32, seeds: &Path) -> Result<(), String> {
    let tree = fuzz::folder_of("planted");
    let mut missed = Vec::new();
    for defect in DEFECTS {
        copy_sources(SOURCES, &tree)?;
        defect.plant(&tree)?;
        let programs = fuzz::build(&tree, &fuzz::folder_of("planted-target"))?;
        match fuzz::find_crash(&programs, defect.target, seeds, seconds)? {
            Some(after) => println!("planted: {}: found after {after:.1} s", defect.name),
            None => {
                println!("planted: {}: not found in {seconds} s", defect.name);
                missed.push(defect.name);
            }
        }
    }
    report(&missed, DEFECTS.len())
}

/// Fails if any of `count` defects was missed.
pub fn report(missed: &[&str], count: usize) -> Result<(), String> {
    if missed.is_empty() {
        return Ok(());
    }
    Err(format!("{} of {count} planted defects were not found: {}", missed.len(), missed.join("; ")))
}

impl Defect {
    /// Puts it into the copy of the sources in `tree`.
    pub fn plant(&self, tree: &Path) -> Result<(), String> {
        let path = tree.join(self.file);
        let source = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if source.matches(self.check).count() != 1 {
            return Err(format!("{}: {}: the check is not there once", self.name, self.file));
        }
        let planted = source.replace(self.check, self.becomes);
        fs::write(&path, planted).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// Makes `tree` a copy of `sources`; files that are the same already keep their times, for cargo's sake.
pub fn copy_sources(sources: &[&str], tree: &Path) -> Result<(), String> {
    let root = workspace::root();
    fs::create_dir_all(tree).map_err(|error| format!("{}: {error}", tree.display()))?;
    for source in sources {
        copy(&root.join(source), &tree.join(source))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", from.display());
    if !from.is_dir() {
        let contents = fs::read(from).map_err(told)?;
        if fs::read(to).is_ok_and(|present| present == contents) {
            return Ok(());
        }
        return fs::copy(from, to).map(drop).map_err(told);
    }
    fs::create_dir_all(to).map_err(told)?;
    let entries: Vec<PathBuf> =
        fs::read_dir(from).map_err(told)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    for path in entries {
        let name = path.file_name().unwrap_or_default();
        if name != "target" {
            copy(&path, &to.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_is_in_the_sources_once() {
        for defect in DEFECTS.iter().chain(crate::torture::DEFECTS) {
            let source = fs::read_to_string(workspace::root().join(defect.file)).unwrap();
            assert_eq!(source.matches(defect.check).count(), 1, "{}", defect.name);
        }
    }
}
