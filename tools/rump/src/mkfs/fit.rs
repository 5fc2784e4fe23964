//! The size that fits a source.

use super::Args;
use super::options::Slack;
use super::plan::{Plan, refused};
use super::target::Target;
use crate::fill::measure::Needs;
use crate::session::Failure;
use rumpkit::mkfs::{Inodes, Request, Summary, plan};
use rumpkit::{Errno, KError};

/// Block size of an image whose size is not given.
pub const FITTING_BLOCK_SIZE: u32 = 4096;
/// Inodes that are no files, and lost+found.
const OWN_INODES: u64 = 12;
/// What is kept free beyond the count, for maps that grow in the middle of work, and as a share.
const SPARE_BLOCKS: u64 = 64;
const SPARE_SHARE: u64 = 100;
const TRIES: usize = 200;
const DEFAULT_SECTOR_SIZE: u32 = 512;
const SLOT_BYTES: u64 = 32;
/// FAT's byte for a disk.
const DISK: u8 = 0xf8;
/// What a root directory that cannot grow has room for without being asked.
const USUAL_ROOT_ENTRIES: u64 = 512;

/// The smallest size whose free space holds what is needed. It grows by what is lacking until nothing is.
pub fn blocks(args: &Args, target: &Target, mut request: Request, needs: &Needs) -> Result<Plan, Failure> {
    let block_size = u64::from(request.block_size.unwrap_or(FITTING_BLOCK_SIZE));
    let slack = args.slack.unwrap_or(Slack::Percent(0));
    let sure = needs.blocks + needs.blocks / SPARE_SHARE + SPARE_BLOCKS;
    let blocks = sure.saturating_add(slack.blocks(sure, block_size));
    let inodes = match slack {
        Slack::Percent(_) => needs.inodes + slack.blocks(needs.inodes, 1),
        Slack::Bytes(_) => needs.inodes,
    };
    if args.inodes.is_none() {
        let count = u32::try_from(inodes + OWN_INODES).map_err(|_| too_large(target))?;
        request.inodes = Inodes::Count(count);
    }
    // A group has one block for the bitmap of its blocks, and one for that of its inodes.
    let in_group = block_size * 8;
    let has_groups = |size: u64| match request.inodes {
        Inodes::Count(count) => u64::from(count) <= size / in_group * in_group,
        _ => true,
    };
    let mut size = blocks;
    for _ in 0..TRIES {
        request.size_bytes = size.checked_mul(block_size).ok_or_else(|| too_large(target))?;
        match plan(&args.format, &request) {
            Ok(summary) if summary.free_blocks >= blocks => {
                let count = summary.inodes.unwrap_or(0);
                if u64::from(summary.free_inodes.unwrap_or(0)) < needs.inodes {
                    let what = format!("{count} inodes are too few for {} files", needs.inodes);
                    return Err(Failure::Usage(what));
                }
                request.size_bytes = target.size(Some(request.size_bytes))?;
                return Ok(Plan { request, summary });
            }
            Ok(summary) => size += blocks - summary.free_blocks,
            Err(error) if error.errno == Errno::ENOSPC || !has_groups(size) => size += size / 8 + 1,
            Err(error) => return Err(refused(args, target, error)),
        }
    }
    Err(too_large(target))
}

fn too_large(target: &Target) -> Failure {
    Failure::Other(format!("{}: no size fits the source", target.name()))
}

/// As [`clusters`], for FAT, whose root directory may be one that does not grow.
pub fn fat(args: &Args, target: &Target, mut request: Request, needs: &Needs) -> Result<Plan, Failure> {
    // What happens to have the size of a floppy is none.
    request.fat_medium = Some(DISK);
    // With more entries than can be counted, it takes a format where it grows.
    let slots = needs.root_bytes / SLOT_BYTES;
    request.root_entries = u16::try_from(slots).ok().filter(|_| slots > USUAL_ROOT_ENTRIES);
    clusters(args, target, request, needs)
}

/// The smallest size whose clusters hold what is needed. The count is exact: what grows does so by whole clusters.
///
/// Larger volumes have larger clusters, in which the same source takes another space: the search grows by what is
/// lacking until nothing is, and then looks between the last size that did not do and the first that did.
pub fn clusters(args: &Args, target: &Target, mut request: Request, needs: &Needs) -> Result<Plan, Failure> {
    let unit = u64::from(request.sector_size.unwrap_or(DEFAULT_SECTOR_SIZE)).max(1);
    let lacks = |request: &mut Request, size: u64| {
        request.size_bytes = size;
        match plan(&args.format, request) {
            Ok(summary) => Ok(lacking(args, needs, &summary)),
            Err(error) if error.errno == Errno::ENOSPC => Ok(size / 8 + 1),
            Err(error) => Err(error),
        }
    };
    let failed = |error: KError| refused(args, target, error);
    let least = needs.clusters.of(DEFAULT_SECTOR_SIZE).saturating_mul(DEFAULT_SECTOR_SIZE.into());
    let (mut low, mut high) = (0, least.max(1).checked_next_multiple_of(unit).unwrap_or(u64::MAX));
    for tries in 0.. {
        let lack = lacks(&mut request, high).map_err(failed)?;
        if lack == 0 {
            break;
        }
        let next = lack.checked_next_multiple_of(unit).and_then(|lack| high.checked_add(lack));
        (low, high) = (high, next.filter(|_| tries < TRIES).ok_or_else(|| too_large(target))?);
    }
    while high - low > unit {
        let middle = low + ((high - low) / 2).next_multiple_of(unit);
        match lacks(&mut request, middle).map_err(failed)? {
            0 if middle < high => high = middle,
            0 => break,
            _ => low = middle,
        }
    }
    request.size_bytes = target.size(Some(high))?;
    let summary = plan(&args.format, &request).map_err(failed)?;
    Ok(Plan { request, summary })
}

/// Bytes that a volume lacks.
fn lacking(args: &Args, needs: &Needs, summary: &Summary) -> u64 {
    let cluster = u64::from(summary.block_size);
    // A root directory that grows has its first cluster already.
    let (root, has_room) = match summary.root_entries {
        None => (needs.root_bytes.div_ceil(cluster).saturating_sub(1), true),
        Some(room) => (0, u64::from(room) * SLOT_BYTES >= needs.root_bytes),
    };
    let needed = needs.clusters.of(summary.block_size).saturating_add(root);
    let wanted = needed.saturating_add(args.slack.unwrap_or(Slack::Percent(0)).blocks(needed, cluster));
    match wanted.saturating_sub(summary.free_blocks) {
        0 if has_room => 0,
        clusters => clusters.max(1).saturating_mul(cluster),
    }
}
