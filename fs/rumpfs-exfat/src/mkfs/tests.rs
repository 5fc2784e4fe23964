//! Sizes that no device of a test has, and the order of writes.

use super::plan::Plan;
use super::{Options, Zeroed, format};
use crate::geometry::{BOOT_BYTES, Geometry};
use alloc::vec;
use alloc::vec::Vec;
use rump_kpi::sync::Mutex;
use rump_kpi::{BlockDevice, Errno, KResult};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

fn options(size: u64) -> Options {
    Options { zeroed: Zeroed::Yes, ..Options::new(size, 0x1234_abcd) }
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

/// What is made is read as what was planned, and little is left over.
#[test]
fn every_size_has_an_answer_that_our_reader_understands() {
    let sizes =
        (0..3000).map(|step| step * 4099).chain((1..40).map(|step| step * step * step * GIB + step * 512));
    for (size, sector) in sizes.flat_map(|size| [512, 4096].map(|sector| (size, sector))) {
        let device = Noted::new(size);
        let made = match format(&device, &Options { sector_size: Some(sector), ..options(size) }) {
            Ok(made) => made,
            Err(error) => {
                assert!(error.errno == Errno::ENOSPC && size < MIB, "{size}: {error}");
                continue;
            }
        };
        let boot = (*device.head.lock()).as_slice().try_into().unwrap();
        let geometry = Geometry::parse(&boot).unwrap();
        assert_eq!((geometry.clusters, geometry.cluster_size()), (made.clusters, made.cluster_size.into()));
        assert_eq!((geometry.serial, geometry.flags), (0x1234_abcd, 0));
        assert_eq!(geometry.size_bytes, size / u64::from(sector) * u64::from(sector));
        let lost = size - (u64::from(made.clusters) << geometry.cluster_bits);
        let table = u64::from(made.clusters) * 4;
        assert!(
            lost < 26 * u64::from(sector) + table + size / 30 + geometry.cluster_size() * 2,
            "{size}: {lost}"
        );
    }
}

#[test]
fn clusters_follow_the_size() {
    let expected = [
        (MIB, 12),
        (256 * MIB, 12),
        (257 * MIB, 15),
        (32 * GIB, 15),
        (33 * GIB, 17),
        (100 * TIB, 17),
        (1 << 53, 22),
    ];
    for (size, bits) in expected {
        assert_eq!(Plan::new(&options(size), 5836).unwrap().cluster_bits, bits, "{size}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let errno = |options: &Options| Plan::new(options, 5836).err().map(|error| error.errno);
    assert_eq!(errno(&options(MIB - 1)), Some(Errno::ENOSPC));
    assert_eq!(errno(&options(u64::MAX)), Some(Errno::EFBIG));
    assert_eq!(errno(&Options { cluster_size: Some(512), ..options(4 * TIB) }), Some(Errno::EFBIG));
    for size in [0, 256, 513, 1 << 26] {
        let options = Options { cluster_size: Some(size), ..options(MIB) };
        assert_eq!(errno(&options), Some(Errno::EINVAL), "{size}");
    }
    for size in [0, 256, 1000, 8192] {
        let options = Options { sector_size: Some(size), ..options(MIB) };
        assert_eq!(errno(&options), Some(Errno::EINVAL), "{size}");
    }
    // There is no room for three clusters of this size.
    assert_eq!(errno(&Options { cluster_size: Some(1 << 19), ..options(MIB) }), Some(Errno::ENOSPC));
}

#[test]
fn the_boot_region_is_wiped_first_and_written_last() {
    let device = Noted::new(64 * MIB);
    format(&device, &Options { zeroed: Zeroed::No, ..options(device.size) }).unwrap();
    let writes = device.writes.lock();
    let flush = (u64::MAX, 0);
    assert_eq!(writes[0], (0, 64 << 10));
    assert_eq!(writes[writes.len() - 3..], [flush, (0, 12 * 512), flush]);
    let first_flush = writes.iter().position(|write| *write == flush).unwrap();
    assert!(writes[first_flush..writes.len() - 2].iter().all(|(offset, _)| *offset >= 12 * 512));
}
