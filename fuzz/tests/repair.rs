//! The repair of checksums, judged by `e2fsck` and by the seeds that `mke2fs` and `mkfs.exfat` made.
//!
//! `RUMP_FUZZ_SEEDS` names the folder that the program `seeds` filled.

use rump_fuzz::exfat;
use rump_fuzz::image::{BLOCK, Image};
use rump_fuzz::repair::repair;
use std::path::PathBuf;

fn seeds() -> Vec<(String, Image)> {
    let seeds = seeds_of("ext2fs_walk");
    assert!(seeds.len() > 20);
    seeds
}

fn seeds_of(target: &str) -> Vec<(String, Image)> {
    let folder = std::env::var_os("RUMP_FUZZ_SEEDS").expect("RUMP_FUZZ_SEEDS is set by cargo xtask fuzz");
    let folder = PathBuf::from(folder).join(target);
    let mut seeds: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, Image::decode(&std::fs::read(path).unwrap()))
        })
        .collect();
    seeds.sort_by(|one, other| one.0.cmp(&other.0));
    seeds
}

/// Bytes in which two images differ.
fn differences(one: &Image, other: &Image) -> Vec<u64> {
    let mut found = Vec::new();
    let (mut left, mut right) = ([0; BLOCK], [0; BLOCK]);
    for number in one.numbers() {
        let at = u64::from(number) * BLOCK as u64;
        one.read(at, &mut left);
        other.read(at, &mut right);
        found.extend((0..BLOCK).filter(|byte| left[*byte] != right[*byte]).map(|byte| at + byte as u64));
    }
    found
}

#[test]
fn what_is_right_stays_as_it_is() {
    for (name, image) in seeds() {
        let mut repaired = image.clone();
        repair(&mut repaired);
        let changed = differences(&image, &repaired);
        assert!(changed.is_empty(), "{name}: bytes {changed:x?}");
    }
}

#[test]
fn sums_of_exfat_are_those_of_its_maker() {
    let seeds = seeds_of("exfat_walk");
    assert!(seeds.len() > 2);
    for (name, image) in seeds {
        let mut repaired = image.clone();
        exfat::repair(&mut repaired);
        assert_eq!(differences(&image, &repaired), [0; 0], "{name}");
        // The serial number, and the attributes of a file.
        let mut changed = image.clone();
        let holding = |byte: &[u8; 2]| {
            image.numbers().into_iter().find_map(|number| {
                let mut block = [0; BLOCK];
                image.read(u64::from(number) * BLOCK as u64, &mut block);
                let at = (0..BLOCK).step_by(32).find(|at| block[*at] == byte[0] && block[at + 1] == byte[1]);
                at.map(|at| u64::from(number) * BLOCK as u64 + at as u64)
            })
        };
        let file = holding(&[0x85, 3]).unwrap_or_else(|| panic!("{name} has no file of three entries more"));
        for at in [100, file + 4] {
            changed.write(at, &[0x5a]);
        }
        let before = differences(&image, &changed).len();
        exfat::repair(&mut changed);
        assert!(differences(&image, &changed).len() > before + 1, "{name}");
    }
}

#[test]
fn a_changed_field_has_its_checksum_again() {
    // The change: the generation of the root's inode, on which its blocks depend as well.
    for (name, image) in seeds().into_iter().filter(|(name, _)| name.starts_with("ext4-1k")) {
        let root = image.numbers().into_iter().find(|number| {
            let mut block = [0; BLOCK];
            image.read(u64::from(*number) * BLOCK as u64, &mut block);
            // The second inode of a table: a directory of mode 0755 whose deletion time is zero.
            block[256..258] == [0xed, 0x41] && block[256 + 0x14..256 + 0x18] == [0; 4]
        });
        let mut changed = image.clone();
        changed.block_mut(root.unwrap_or_else(|| panic!("{name} has no root")))[256 + 0x64] ^= 1;
        let mut repaired = changed.clone();
        repair(&mut repaired);
        // Two halves of the inode's checksum, and that of the directory's block.
        let touched = differences(&changed, &repaired);
        assert!((5..=8).contains(&touched.len()), "{name}: bytes {touched:x?}");
    }
}
