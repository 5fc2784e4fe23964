//! Sizes that no device of a test has, and the order of writes.

use super::plan::Plan;
use super::{Options, Width, Zeroed, format};
use crate::geometry::{BOOT_BYTES, Geometry, Root};
use alloc::vec;
use alloc::vec::Vec;
use rump_kpi::sync::Mutex;
use rump_kpi::{BlockDevice, Errno, KResult, TimeSpec};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

fn options(size: u64) -> Options {
    Options::new(size, 0x1234_abcd, TimeSpec { sec: 1_700_000_000, nsec: 0 })
}

fn errno(options: &Options) -> Option<Errno> {
    Plan::new(options).err().map(|error| error.errno)
}

/// Keeps the first bytes, and where writes go.
struct Noted {
    size: u64,
    head: Mutex<Vec<u8>>,
    writes: Mutex<Vec<(u64, usize)>>,
}

impl Noted {
    fn new(size: u64) -> Self {
        Self { size, head: Mutex::new(vec![0xa5; BOOT_BYTES]), writes: Mutex::new(vec![]) }
    }
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
        if offset == 0 {
            self.head.lock().copy_from_slice(&buf[..BOOT_BYTES]);
        }
        self.writes.lock().push((offset, buf.len()));
        Ok(())
    }

    fn flush(&self) -> KResult<()> {
        self.writes.lock().push((u64::MAX, 0));
        Ok(())
    }
}

/// Every size either works or is refused for want of space; what is made is read as what was planned, the table
/// describes all clusters, and nothing is outside.
#[test]
fn every_size_has_an_answer_that_our_reader_understands() {
    let small = (0..9000).map(|sectors| sectors * 512 + 7);
    let large = (1..2048).map(|step| step * MIB + step % 3 * 512);
    let widths = [None, Some(Width::Fat12), Some(Width::Fat16), Some(Width::Fat32)];
    for (size, width) in small.chain(large).flat_map(|size| widths.map(|width| (size, width))) {
        let options = Options { width, zeroed: Zeroed::Yes, ..options(size) };
        let device = Noted::new(size);
        let made = match format(&device, &options) {
            Ok(made) => made,
            Err(error) => {
                let expected = if width == Some(Width::Fat12) { Errno::EFBIG } else { Errno::ENOSPC };
                assert!(error.errno == Errno::ENOSPC || error.errno == expected, "{size} {width:?}: {error}");
                assert!(width.is_some() || size < 20 * KIB, "{size}: {error}");
                continue;
            }
        };
        let boot = (*device.head.lock()).as_slice().try_into().unwrap();
        let geometry = Geometry::parse(&boot).unwrap();
        assert_eq!(geometry.width.bits(), u64::from(made.bits), "{size}");
        assert_eq!((geometry.clusters, geometry.serial), (made.clusters, Some(0x1234_abcd)), "{size}");
        assert_eq!(geometry.size_bytes, size / 512 * 512);
        let described = geometry.fat_bytes * 8 / geometry.width.bits() - 2;
        assert!(described >= u64::from(made.clusters), "{size}");
        let left = size - geometry.data_start - (u64::from(made.clusters) << geometry.cluster_bits);
        assert!(left < geometry.cluster_size() + 512, "{size}");
        assert!(size / 512 <= 8192 || geometry.data_start % geometry.cluster_size() == 0, "{size}");
        assert_eq!(matches!(geometry.root, Root::Chain(2)), made.bits == 32);
        assert!(!geometry.dirty && width.is_none_or(|width| width == geometry.width));
    }
}

#[test]
fn the_width_follows_the_size() {
    let expected = [
        (160 * KIB, 12, 512),
        (360 * KIB, 12, 1024),
        (1440 * KIB, 12, 512),
        (8 * MIB, 12, 2048),
        (16 * MIB, 16, 2048),
        (200 * MIB, 16, 4096),
        (512 * MIB - 512, 16, 8192),
        (512 * MIB, 32, 4096),
        (8 * GIB + 512, 32, 8192),
        (2 * TIB - 512, 32, 32768),
    ];
    for (size, bits, cluster) in expected {
        let made = format(&Noted::new(size), &Options { zeroed: Zeroed::Yes, ..options(size) }).unwrap();
        assert_eq!((made.bits, made.cluster_size), (bits, cluster), "{size}");
    }
}

#[test]
fn the_width_follows_the_number_of_clusters_where_their_size_is_given() {
    let expected = [(100 * MIB, 32768, 12), (100 * MIB, 2048, 16), (100 * MIB, 512, 32), (GIB, 32768, 16)];
    for (size, cluster, bits) in expected {
        let options = Options { cluster_size: Some(cluster), zeroed: Zeroed::Yes, ..options(size) };
        assert_eq!(format(&Noted::new(size), &options).unwrap().bits, bits, "{size}");
    }
}

#[test]
fn a_medium_that_is_asked_for_makes_no_floppy() {
    let options = Options { medium: Some(0xf8), ..options(1440 * KIB) };
    let plan = Plan::new(&options).unwrap();
    assert_eq!((plan.medium, plan.drive, plan.cluster_sectors), (0xf8, 0x80, 4));
}

#[test]
fn what_cannot_be_is_refused() {
    let with = |size, change: &dyn Fn(&mut Options)| {
        let mut options = options(size);
        change(&mut options);
        errno(&options)
    };
    assert_eq!(with(2 * TIB, &|_| ()), Some(Errno::EFBIG));
    assert_eq!(with(2 * TIB, &|options| options.sector_size = Some(4096)), None);
    assert_eq!(with(u64::MAX, &|options| options.sector_size = Some(4096)), Some(Errno::EFBIG));
    for size in [0, 1, 511, 512, 10 * KIB] {
        assert_eq!(with(size, &|_| ()), Some(Errno::ENOSPC), "{size}");
    }
    assert_eq!(with(32 * MIB, &|options| options.width = Some(Width::Fat32)), Some(Errno::ENOSPC));
    assert_eq!(with(2 * MIB, &|options| options.width = Some(Width::Fat16)), Some(Errno::ENOSPC));
    assert_eq!(with(3 * MIB, &|options| options.width = Some(Width::Fat16)), None);
    assert_eq!(with(8 * GIB, &|options| options.width = Some(Width::Fat16)), Some(Errno::EFBIG));
    assert_eq!(with(GIB, &|options| options.width = Some(Width::Fat12)), Some(Errno::EFBIG));
    for size in [0, 256, 513, 1 << 17, 1 << 31] {
        assert_eq!(with(MIB, &|options| options.cluster_size = Some(size)), Some(Errno::EINVAL), "{size}");
    }
    for size in [0, 256, 1000, 8192] {
        assert_eq!(with(MIB, &|options| options.sector_size = Some(size)), Some(Errno::EINVAL), "{size}");
    }
    assert_eq!(with(MIB, &|options| options.medium = Some(0xf1)), Some(Errno::EINVAL));
    assert_eq!(with(MIB, &|options| options.tables = Some(0)), Some(Errno::EINVAL));
    assert_eq!(with(MIB, &|options| options.reserved_sectors = Some(0)), Some(Errno::EINVAL));
    assert_eq!(with(GIB, &|options| options.reserved_sectors = Some(1)), Some(Errno::EINVAL));
    assert_eq!(with(32 * MIB, &|options| options.root_entries = Some(u16::MAX)), Some(Errno::EINVAL));
}

#[test]
fn the_boot_sector_is_wiped_first_and_written_last() {
    for size in [MIB, 64 * MIB, 600 * MIB] {
        let device = Noted::new(size);
        format(&device, &Options { label: "name".into(), ..options(size) }).unwrap();
        let writes = device.writes.lock();
        let flush = (u64::MAX, 0);
        assert_eq!(writes[0], (0, 64 << 10));
        assert_eq!(writes[writes.len() - 3..], [flush, (0, 512), flush]);
        let first_flush = writes.iter().position(|write| *write == flush).unwrap();
        assert!(writes[first_flush..writes.len() - 2].iter().all(|(offset, _)| *offset > 0));
    }
}
