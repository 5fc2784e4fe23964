//! What no device of a test is large enough for, and the order of writes.

use super::geometry::Geometry;
use super::layout::Layout;
use super::{Kind, Options, Usage, Zeroed, format};
use crate::features::{Compat, Incompat};
use crate::superblock::PRIMARY_OFFSET;
use alloc::vec;
use alloc::vec::Vec;
use rump_kpi::sync::Mutex;
use rump_kpi::{BlockDevice, Errno, KResult, TimeSpec};

const TIB: u64 = 1 << 40;

fn options(kind: Kind, size: u64, features: &str) -> Options {
    let now = TimeSpec { sec: 1_700_000_000, nsec: 0 };
    Options { features: features.into(), ..Options::new(kind, size, [1; 16], [2; 16], now) }
}

#[test]
fn usage_follows_the_size() {
    let expected = [
        (3 << 20, Usage::Small),
        ((3 << 20) - 1, Usage::Floppy),
        (512 << 20, Usage::Default),
        (4 * TIB - 1, Usage::Default),
        (4 * TIB, Usage::Big),
        (16 * TIB, Usage::Huge),
    ];
    for (size, usage) in expected {
        assert_eq!(Usage::of_size(size), usage, "{size}");
    }
}

#[test]
fn more_than_32_bits_of_blocks_do_without_the_resize_inode() {
    let geometry = Geometry::new(&options(Kind::Ext4, 32 * TIB, "")).unwrap();
    assert_eq!(geometry.superblock.blocks, 1 << 33);
    assert!(!geometry.superblock.features.compat.contains(Compat::RESIZE_INODE));
    assert_eq!(geometry.notes.len(), 1);
    let error = Geometry::new(&options(Kind::Ext3, 32 * TIB, "")).err().unwrap();
    assert_eq!(error.errno, Errno::EFBIG);
}

#[test]
fn what_cannot_be_kept_in_memory_is_refused() {
    for size in [1 << 50, 1 << 62, u64::MAX] {
        let error = Geometry::new(&options(Kind::Ext4, size, "")).err().unwrap();
        assert_eq!(error.errno, Errno::EFBIG, "{size}");
    }
}

#[test]
fn descriptors_that_fill_a_group_are_spread() {
    let options = Options { block_size: Some(1024), ..options(Kind::Ext4, TIB, "") };
    let geometry = Geometry::new(&options).unwrap();
    assert!(geometry.superblock.features.incompat.contains(Incompat::META_BG));
}

/// Every size either works or is refused for want of space; nothing is placed twice.
#[test]
fn every_small_size_has_an_answer() {
    let features = ["", "^flex_bg", "bigalloc", "sparse_super2", "meta_bg,^resize_inode"];
    for (features, kib) in features.into_iter().flat_map(|f| (0..3000).step_by(7).map(move |kib| (f, kib))) {
        let options = options(Kind::Ext4, kib << 10, features);
        let geometry = match Geometry::new(&options) {
            Ok(geometry) => geometry,
            Err(error) => {
                assert_eq!(error.errno, Errno::ENOSPC, "{features} {kib}: {error}");
                continue;
            }
        };
        let Ok(layout) = Layout::new(&geometry) else { continue };
        let superblock = &geometry.superblock;
        let first = u64::from(superblock.raw.s_first_data_block.get());
        let used: u64 = layout.used_within(0..superblock.blocks).map(|part| part.end - part.start).sum();
        let own: u64 = (0..superblock.groups)
            .map(|group| layout.fixed_range(&geometry, crate::units::GroupNo(group)))
            .map(|fixed| fixed.end - fixed.start + 2 + geometry.table_blocks)
            .sum();
        assert!(used >= own && used + first <= superblock.blocks, "{features} {kib}");
    }
}

#[test]
fn long_files_have_maps_of_several_levels() {
    let geometry = Geometry::new(&options(Kind::Ext4, 64 << 20, "")).unwrap();
    let mut layout = Layout::new(&geometry).unwrap();
    let goal = layout.first();
    let runs: Vec<_> = (0..200)
        .map(|index| crate::units::Extent { start: crate::units::DiskBlock(index * 3), len: 2 })
        .collect();
    let mut mapper = super::map::Mapper { layout: &mut layout, block_size: 1024, goal, seed: Some(7) };
    let extents = mapper.extents(&runs).unwrap();
    // 84 records in a block: three leaves below the inode.
    assert_eq!((extents.blocks.len(), extents.root[2], extents.root[6]), (3, 3, 1));
    let pointers = mapper.pointers(&runs).unwrap();
    // 12 in the inode, 256 in the first block, 132 below the second.
    assert_eq!(pointers.blocks.len(), 3);
    assert_eq!(u32::from_le_bytes(pointers.root[44..48].try_into().unwrap()), 16);
}

/// Notes where writes go.
struct Noted {
    size: u64,
    writes: Mutex<Vec<(u64, usize)>>,
}

impl BlockDevice for Noted {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn read_at(&self, _offset: u64, _buf: &mut [u8]) -> KResult<()> {
        Err(Errno::EIO.into())
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        assert!(offset + buf.len() as u64 <= self.size);
        self.writes.lock().push((offset, buf.len()));
        Ok(())
    }

    fn flush(&self) -> KResult<()> {
        self.writes.lock().push((u64::MAX, 0));
        Ok(())
    }
}

#[test]
fn the_primary_superblock_is_wiped_first_and_written_last() {
    let device = Noted { size: 64 << 20, writes: Mutex::new(vec![]) };
    format(&device, &Options { zeroed: Zeroed::No, ..options(Kind::Ext4, device.size, "") }).unwrap();
    let writes = device.writes.lock();
    let flush = (u64::MAX, 0);
    assert_eq!(writes[0], (0, 64 << 10));
    assert_eq!(writes[writes.len() - 3..], [flush, (PRIMARY_OFFSET, 1024), flush]);
    let others = &writes[1..writes.len() - 3];
    assert!(!others.iter().any(|(offset, _)| *offset <= PRIMARY_OFFSET), "{others:?}");
}

#[test]
fn cost_grows_with_the_groups() {
    let written = |size| {
        let device = Noted { size, writes: Mutex::new(vec![]) };
        format(&device, &Options { zeroed: Zeroed::Yes, ..options(Kind::Ext4, size, "") }).unwrap();
        let writes = device.writes.lock();
        writes.iter().map(|(_, len)| *len as u64).sum::<u64>()
    };
    assert!(written(TIB) < 64 << 20);
}
