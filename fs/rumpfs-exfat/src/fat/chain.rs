//! Clusters of a content: consecutive ones, or those that the table leads to.

use super::cursor::{Cursor, Link};
use crate::disk::Disk;
use crate::set::Extent;
use alloc::format;
use alloc::vec::Vec;
use rump_dosfs::chain::{Chain, Run};
use rump_dosfs::{Error, Place};

/// Loops are looked for when this many clusters are known, and when there are twice as many as the last time.
const LOOKED_FOR: u32 = 1 << 10;

/// Makes the first `want` clusters of a content known, or all if it has fewer.
///
/// Errors: EFTYPE (there are fewer than its length needs, or none of that number), EIO.
pub fn load(disk: &Disk, content: Extent, chain: &mut Chain, want: u32) -> Result<(), Error> {
    let geometry = &disk.geometry;
    let all = geometry.clusters_for(content.bytes);
    let damaged = |why| Error::corrupt("cluster chain", Place::Cluster(content.first), why);
    if all > geometry.clusters {
        return Err(damaged(format!("{} bytes are more than the volume has", content.bytes)));
    }
    let want = want.min(all);
    if chain.len() >= want {
        return Ok(());
    }
    if content.is_contiguous {
        let run = Run { start: content.first, count: all };
        if !geometry.has_run(run) {
            return Err(damaged(format!("{all} clusters from here on leave the volume")));
        }
        *chain = Chain::default();
        chain.push(run);
        return Ok(());
    }
    // The more there is, the more is read at once: each time it is looked for loops.
    let ahead = want.max(chain.len().saturating_mul(2)).min(all);
    match follow(disk, content.first, chain, ahead) {
        _ if chain.len() >= want => Ok(()),
        Err(error) => Err(error),
        Ok(()) => Err(damaged(format!("ends after {} clusters of {all}", chain.len()))),
    }
}

/// All clusters of the root directory, whose length is that of its chain. Errors: EFTYPE (more than `most`), EIO.
pub fn load_root(disk: &Disk, chain: &mut Chain, most: u32) -> Result<(), Error> {
    let root = disk.geometry.root;
    follow(disk, root, chain, most.saturating_add(1))?;
    if chain.len() > most {
        return Err(Error::corrupt("root directory", Place::Cluster(root), "more than 256 MiB"));
    }
    Ok(())
}

/// Extends `chain` along the table until it has `want` clusters or ends. `first` is where it begins, if it has none
/// yet. On an error it is as far as it was sound.
fn follow(disk: &Disk, first: u32, chain: &mut Chain, want: u32) -> Result<(), Error> {
    let mut cursor = Cursor::new(disk);
    let before = chain.len();
    let mut result = Ok(());
    let mut sound_to = before;
    while chain.len() < want {
        // In time, so that what a loop takes is no more than twice its length.
        if chain.len() / 2 >= sound_to.max(LOOKED_FOR) {
            if chain.repeated().is_some() {
                break;
            }
            sound_to = chain.len();
        }
        let next = match chain.last().map(|last| cursor.link(last)) {
            None => Ok(Link::Next(first)),
            Some(link) => link,
        };
        match next.and_then(|link| match link {
            Link::Next(next) => disk.cluster_offset(next).map(|_| Some(next)),
            Link::End => Ok(None),
        }) {
            Ok(Some(next)) => chain.push(Run { start: next, count: 1 }),
            Ok(None) => break,
            Err(error) => {
                result = Err(error);
                break;
            }
        }
    }
    if let Some(cluster) = chain.repeated() {
        chain.truncate(before);
        let why = format!("comes back to {cluster}");
        return Err(Error::corrupt("cluster chain", Place::Cluster(cluster), why));
    }
    result
}

/// Calls `each` with the byte on the volume, the distance from `offset`, and the length of every consecutive part.
/// Errors: EFTYPE (there are fewer clusters), those of `each`.
pub fn for_runs(
    disk: &Disk,
    chain: &Chain,
    offset: u64,
    count: u64,
    mut each: impl FnMut(u64, usize, usize) -> Result<(), Error>,
) -> Result<(), Error> {
    let geometry = &disk.geometry;
    let mut done = 0;
    while done < count {
        let at = offset + done;
        let run = u32::try_from(at >> geometry.cluster_bits).ok().and_then(|index| chain.find(index));
        let run = run.ok_or_else(|| {
            Error::corrupt("cluster chain", Place::Cluster(chain.first().unwrap_or(0)), "ends too early")
        })?;
        let within = at % geometry.cluster_size();
        let length = ((u64::from(run.count) << geometry.cluster_bits) - within).min(count - done);
        each(geometry.cluster_offset(run.start) + within, done as usize, length as usize)?;
        done += length;
    }
    Ok(())
}

/// The clusters of a chain from number `index` on.
pub fn runs_from(chain: &Chain, index: u32) -> Vec<Run> {
    let mut at = index;
    let mut runs = Vec::new();
    while let Some(run) = chain.find(at) {
        runs.push(run);
        at += run.count;
    }
    runs
}
