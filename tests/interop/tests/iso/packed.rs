//! Files that are compressed with zisofs, whole and in pieces.

use crate::make::Iso;
use crate::source::{self, as_stored};
use interop::source::pattern;
use interop::tree::{Contents, compare, of_host};
use interop::{Check, context};
use rumpkit::image::{Address, Image, LockPolicy};
use rumpkit::{Mode, OpenFlags, PosixHost};
use std::path::Path;

/// Name and commands of each way; where there are two, the first makes the packed tree.
pub const FORMATS: &[(&str, &[&str])] = &[
    ("xorriso", &["xorriso -outdev IMAGE -map TREE / -find / -type f -exec set_filter --zisofs --"]),
    (
        "xorriso_64k",
        &[
            "xorriso -outdev IMAGE -zisofs block_size=64k -map TREE / -find / -type f -exec set_filter --zisofs --",
        ],
    ),
    (
        "xorriso_second_version",
        &[
            "xorriso -outdev IMAGE -zisofs version_2=on -map TREE / -find / -type f -exec set_filter --zisofs --",
        ],
    ),
    (
        "xorriso_second_version_z2",
        &[
            "xorriso -outdev IMAGE -zisofs version_2=on:susp_z2=on:block_size_v2=1m -map TREE / -find / -type f -exec set_filter --zisofs --",
        ],
    ),
    ("mkzftree", &["mkzftree TREE FOLDERpacked", "genisoimage -quiet -R -z -o IMAGE FOLDERpacked"]),
];

/// Content of every kind of block: letters, zeros, and what cannot be packed.
pub fn fill(tree: &Path) -> Check {
    let letters: Vec<u8> = (0..).flat_map(|n: u32| format!("{n}\n").into_bytes()).take(1_300_000).collect();
    let mut mixed = letters[..200_000].to_vec();
    mixed.resize(700_000, 0);
    mixed.extend(pattern(1, 400_000));
    source::write(tree, "letters", &letters)?;
    source::write(tree, "zeros", &vec![0; 333_333])?;
    source::write(tree, "mixed", &mixed)?;
    source::write(tree, "dir/block", &letters[..131_072])?;
    source::write(tree, "dir/block+1", &letters[..131_073])?;
    source::write(tree, "dir/small", b"too small to pack\n")?;
    source::write(tree, "dir/empty", b"")
}

/// What is unpacked is what was packed.
pub fn agrees(commands: &[&str]) -> Check {
    let iso = Iso::new("packed")?;
    let tree = iso.beside("tree");
    fill(&tree)?;
    for command in commands {
        iso.run(command, &tree)?;
    }
    let given = of_host(&tree, Contents::Hashed)?;
    let stored: u64 = given.values().map(|entry| entry.size).sum();
    if context(std::fs::metadata(iso.path()), "image")?.len() > stored / 2 {
        return Err("the image is not packed".to_string());
    }
    compare(&as_stored(given), &as_stored(iso.view("")?))?;
    in_pieces(&iso, &tree)
}

/// Reads at any place, of any length.
fn in_pieces(iso: &Iso, tree: &Path) -> Check {
    let host = PosixHost::new();
    let address = Address::parse(&*host, iso.text().as_bytes());
    let image = Image::open(host, &address, LockPolicy::NoLock).map_err(|error| error.to_string())?;
    let process = image.process();
    for name in ["letters", "mixed"] {
        let expected = context(std::fs::read(tree.join(name)), name)?;
        let fd = context(process.open(format!("/{name}"), OpenFlags::empty(), Mode::new(0)), name)?;
        let mut random = 1_u64;
        for round in 0..200 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let offset = (random >> 33) as usize % (expected.len() + 10);
            let mut buffer = vec![0; (random >> 20) as usize % if round % 4 == 0 { 400_000 } else { 5000 }];
            let count = context(process.pread(fd, &mut buffer, offset as u64), name)?;
            let end = (offset + buffer.len()).min(expected.len());
            if buffer[..count] != expected[offset.min(end)..end] {
                return Err(format!("{name}: {} bytes from {offset} differ", buffer.len()));
            }
        }
    }
    Ok(())
}
