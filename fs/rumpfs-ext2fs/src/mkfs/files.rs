//! The files of a new volume: the root directory, lost+found, the resize inode, the orphan file, the journal.

use super::content;
use super::geometry::{FIRST_INO, Geometry};
use super::layout::Layout;
use super::map::{DIRECT, Mapper, emit_pointers};
use super::{Options, Owner};
use crate::features::{Compat, Incompat};
use crate::inode::FLAG_EXTENTS;
use crate::journal;
use crate::units::{DiskBlock, Extent, GroupNo, Ino};
use alloc::vec;
use alloc::vec::Vec;
use rump_kpi::{FileType, KResult};

/// The inode of the blocks reserved for more descriptors.
const RESIZE_INO: Ino = Ino(7);
/// The inode of the journal.
pub const JOURNAL_INO: Ino = Ino(8);
const LOST_FOUND: Ino = Ino(FIRST_INO);
const ORPHAN_INO: Ino = Ino(FIRST_INO + 1);
/// Room for what a check of the volume finds, since it cannot allocate any.
const LOST_FOUND_BYTES: u64 = 16 << 10;

/// A file with its place.
pub struct File {
    /// Its inode.
    pub ino: Ino,
    /// Type and permissions.
    pub mode: u16,
    /// Names that lead to it.
    pub links: u16,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// Of `i_flags`.
    pub flags: u32,
    /// What the inode holds of the map.
    pub map: [u8; 60],
    /// Clusters that it takes.
    pub clusters: u64,
}

/// All of them, with what their blocks hold.
#[derive(Default)]
pub struct Files {
    /// The inodes.
    pub list: Vec<File>,
    /// Blocks with content.
    pub blocks: Vec<(u64, Vec<u8>)>,
    /// Blocks of zeros.
    pub zeros: Vec<Extent>,
}

impl Files {
    /// Places the files. Errors: ENOSPC, EFBIG.
    pub fn plan(geometry: &Geometry, layout: &mut Layout, options: &Options) -> KResult<Self> {
        let mut planner = Planner { geometry, layout, files: Self::default() };
        planner.root(options.root)?;
        planner.lost_found()?;
        if geometry.superblock.features.compat.contains(Compat::RESIZE_INODE) {
            planner.resize_inode()?;
        }
        planner.orphan_file()?;
        planner.journal()?;
        Ok(planner.files)
    }

    /// The inode of the journal, if there is one.
    pub fn journal(&self) -> Option<&File> {
        self.list.iter().find(|file| file.ino == JOURNAL_INO)
    }
}

struct Planner<'a> {
    geometry: &'a Geometry,
    layout: &'a mut Layout,
    files: Files,
}

impl Planner<'_> {
    fn block_size(&self) -> u64 {
        self.geometry.superblock.block_size().into()
    }

    fn root(&mut self, owner: Owner) -> KResult<()> {
        let names: [(&[u8], Ino); 3] = [(b".", Ino::ROOT), (b"..", Ino::ROOT), (b"lost+found", LOST_FOUND)];
        self.directory(Ino::ROOT, owner, &names, 1)
    }

    /// No more than an inode points to by itself, and no less than two blocks.
    fn lost_found(&mut self) -> KResult<()> {
        let blocks = (LOST_FOUND_BYTES / self.block_size()).clamp(2, DIRECT as u64);
        let names: [(&[u8], Ino); 2] = [(b".", LOST_FOUND), (b"..", Ino::ROOT)];
        self.directory(LOST_FOUND, Owner { uid: 0, gid: 0, mode: 0o700 }, &names, blocks)
    }

    /// A directory with these names in its first block.
    fn directory(&mut self, ino: Ino, owner: Owner, names: &[(&[u8], Ino)], blocks: u64) -> KResult<()> {
        let mode = FileType::Directory.mode_bits() as u16 | owner.mode;
        let runs = self.file(ino, mode, blocks, self.layout.first())?;
        if let Some(file) = self.files.list.last_mut() {
            (file.uid, file.gid) = (owner.uid, owner.gid);
            file.links = names.len() as u16;
        }
        let block = |names| content::directory_block(&self.geometry.superblock, ino, names);
        let first = core::iter::once(block(names));
        let content = first.chain(core::iter::repeat_with(|| block(&[])));
        self.files.blocks.extend(blocks_of(&runs).zip(content));
        Ok(())
    }

    /// Each block that is reserved behind the descriptors is, to this inode, a block of pointers to those at the
    /// same place behind each backup; so a volume that grows finds them in order.
    fn resize_inode(&mut self) -> KResult<()> {
        let superblock = &self.geometry.superblock;
        let reserved = u64::from(superblock.raw.s_reserved_gdt_blocks.get());
        let per_group = u64::from(superblock.raw.s_blocks_per_group.get());
        let backups: Vec<u64> =
            (1..superblock.groups).filter(|group| superblock.group_has_superblock(GroupNo(*group))).collect();
        let in_block = self.block_size() / 4;
        let first = superblock.primary_block().0 + 1 + self.geometry.descriptor_blocks;
        let mut double = vec![0; in_block as usize];
        for at in first..first + reserved {
            double[((at - superblock.primary_block().0 - 1) % in_block) as usize] = at as u32;
            let copies: Vec<u32> = backups.iter().map(|group| (at + group * per_group) as u32).collect();
            self.files.blocks.push((at, emit_pointers(&copies, self.block_size() as usize)));
        }
        let at = self.layout.take_one(self.layout.first())?.0;
        self.files.blocks.push((at, emit_pointers(&double, self.block_size() as usize)));
        let mut map = [0; 60];
        map[(DIRECT + 1) * 4..][..4].copy_from_slice(&(at as u32).to_le_bytes());
        self.files.list.push(File {
            size: (in_block * in_block + in_block + DIRECT as u64) * self.block_size(),
            map,
            clusters: 1 + reserved * (1 + backups.len() as u64),
            ..hidden(RESIZE_INO)
        });
        Ok(())
    }

    fn orphan_file(&mut self) -> KResult<()> {
        let Some(blocks) = self.geometry.orphan_blocks else { return Ok(()) };
        let mode = hidden(ORPHAN_INO).mode;
        let runs = self.file(ORPHAN_INO, mode, blocks.into(), self.layout.first())?;
        for at in blocks_of(&runs) {
            let content = content::orphan_block(&self.geometry.superblock, ORPHAN_INO, DiskBlock(at));
            self.files.blocks.push((at, content));
        }
        Ok(())
    }

    /// In the middle of the volume, so that it is never far.
    fn journal(&mut self) -> KResult<()> {
        let Some(journal) = self.geometry.journal else { return Ok(()) };
        let superblock = &self.geometry.superblock;
        let flex = self.geometry.flex_groups();
        let middle = superblock.group_start(GroupNo(superblock.groups / 2 / flex * flex));
        let mode = hidden(JOURNAL_INO).mode;
        let runs = self.file(JOURNAL_INO, mode, journal.blocks().into(), middle)?;
        let head = journal::emit_superblock(
            superblock.block_size() as usize,
            journal.blocks(),
            journal.fast_commit,
            &superblock.raw.s_uuid,
        );
        self.files.blocks.extend(blocks_of(&runs).zip([head]));
        self.files.zeros.extend(runs);
        Ok(())
    }

    /// Takes blocks for a file that has no holes, and makes its map.
    fn file(&mut self, ino: Ino, mode: u16, blocks: u64, goal: u64) -> KResult<Vec<Extent>> {
        let superblock = &self.geometry.superblock;
        let runs = self.layout.take(goal, blocks)?;
        let block_size = self.block_size() as usize;
        let sums = superblock.features.has_metadata_checksums();
        let seed = sums.then(|| content::seed(superblock, ino));
        let extents = superblock.features.incompat.contains(Incompat::EXTENTS);
        let ratio = 1 << superblock.cluster_ratio_bits();
        let behind = runs.last().map_or(goal, |run| run.start.0 + run.len);
        let mut mapper = Mapper { layout: self.layout, block_size, goal: behind, seed };
        let map = if extents { mapper.extents(&runs)? } else { mapper.pointers(&runs)? };
        self.files.list.push(File {
            mode,
            size: blocks * block_size as u64,
            flags: if extents { FLAG_EXTENTS } else { 0 },
            map: map.root,
            clusters: runs.iter().map(|run| run.len.div_ceil(ratio)).sum::<u64>() + map.blocks.len() as u64,
            ..hidden(ino)
        });
        self.files.blocks.extend(map.blocks);
        Ok(runs)
    }
}

/// A file that only the file system uses, without blocks.
fn hidden(ino: Ino) -> File {
    let mode = FileType::Regular.mode_bits() as u16 | 0o600;
    File { ino, mode, links: 1, uid: 0, gid: 0, size: 0, flags: 0, map: [0; 60], clusters: 0 }
}

fn blocks_of(runs: &[Extent]) -> impl Iterator<Item = u64> + '_ {
    runs.iter().flat_map(|run| run.start.0..run.start.0 + run.len)
}
