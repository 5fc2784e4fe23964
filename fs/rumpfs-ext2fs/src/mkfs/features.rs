//! Which features a new volume has, and which cannot be had together.

use super::{Kind, Options, invalid, refused};
use crate::features::{Compat, Features, Incompat, RoCompat};
use alloc::format;
use rump_kpi::{Errno, KResult};

const MADE: Features = Features {
    compat: Compat::HAS_JOURNAL
        .union(Compat::EXT_ATTR)
        .union(Compat::RESIZE_INODE)
        .union(Compat::DIR_INDEX)
        .union(Compat::SPARSE_SUPER2)
        .union(Compat::FAST_COMMIT)
        .union(Compat::STABLE_INODES)
        .union(Compat::ORPHAN_FILE),
    incompat: Incompat::FILETYPE
        .union(Incompat::META_BG)
        .union(Incompat::EXTENTS)
        .union(Incompat::SIXTY_FOUR_BIT)
        .union(Incompat::FLEX_BG)
        .union(Incompat::EA_INODE)
        .union(Incompat::CSUM_SEED)
        .union(Incompat::LARGE_DIR)
        .union(Incompat::INLINE_DATA)
        .union(Incompat::ENCRYPT)
        .union(Incompat::CASEFOLD),
    ro_compat: RoCompat::SPARSE_SUPER
        .union(RoCompat::LARGE_FILE)
        .union(RoCompat::HUGE_FILE)
        .union(RoCompat::GDT_CSUM)
        .union(RoCompat::DIR_NLINK)
        .union(RoCompat::EXTRA_ISIZE)
        .union(RoCompat::BIGALLOC)
        .union(RoCompat::METADATA_CSUM)
        .union(RoCompat::VERITY),
};

const NONE: Features =
    Features { compat: Compat::empty(), incompat: Incompat::empty(), ro_compat: RoCompat::empty() };

/// The features that the options ask for, checked. Errors: EINVAL, ENOTSUP.
pub fn choose(options: &Options) -> KResult<Features> {
    let mut features = of_kind(options.kind);
    let names = options.features.split([',', ' ']).filter(|name| !name.is_empty());
    for name in names {
        apply(&mut features, name)?;
    }
    if features.has_metadata_checksums() {
        // One kind of checksum takes the place of the other.
        features.ro_compat.remove(RoCompat::GDT_CSUM);
    }
    check(&features)?;
    Ok(features)
}

fn of_kind(kind: Kind) -> Features {
    let mut features = Features {
        compat: Compat::RESIZE_INODE | Compat::DIR_INDEX | Compat::EXT_ATTR,
        incompat: Incompat::FILETYPE,
        ro_compat: RoCompat::SPARSE_SUPER | RoCompat::LARGE_FILE,
    };
    if kind != Kind::Ext2 {
        features.compat |= Compat::HAS_JOURNAL;
    }
    if kind == Kind::Ext4 {
        features.incompat |= Incompat::EXTENTS | Incompat::FLEX_BG | Incompat::SIXTY_FOUR_BIT;
        features.ro_compat |=
            RoCompat::HUGE_FILE | RoCompat::METADATA_CSUM | RoCompat::DIR_NLINK | RoCompat::EXTRA_ISIZE;
    }
    features
}

fn apply(features: &mut Features, text: &str) -> KResult<()> {
    let (name, set) = text.strip_prefix('^').map_or((text, true), |name| (name, false));
    if name == "none" && set {
        *features = NONE;
        return Ok(());
    }
    let feature = Features::by_name(name).ok_or_else(|| invalid(format!("unknown feature {name}")))?;
    if set && !contains(&MADE, &feature) {
        return Err(refused(Errno::ENOTSUP, format!("feature {name}: {}", why_not_made(name))));
    }
    features.compat.set(feature.compat, set);
    features.incompat.set(feature.incompat, set);
    features.ro_compat.set(feature.ro_compat, set);
    Ok(())
}

fn contains(all: &Features, part: &Features) -> bool {
    all.compat.contains(part.compat)
        && all.incompat.contains(part.incompat)
        && all.ro_compat.contains(part.ro_compat)
}

fn why_not_made(name: &str) -> &'static str {
    match name {
        "quota" | "project" => "this driver keeps no quota files",
        "mmp" => "this driver keeps no multiple mount protection",
        "journal_dev" => "a journal alone is not a file system",
        "needs_recovery" | "orphan_present" => "a new volume has nothing to recover",
        _ => "it is obsolete, or not for new volumes",
    }
}

/// Refuses what cannot be had together, as mke2fs does.
fn check(features: &Features) -> KResult<()> {
    let has = |name: &str| Features::by_name(name).is_some_and(|feature| contains(features, &feature));
    let needs = [
        ("64bit", "extent"),
        ("bigalloc", "extent"),
        ("metadata_csum_seed", "metadata_csum"),
        ("orphan_file", "has_journal"),
        ("fast_commit", "has_journal"),
        ("resize_inode", "sparse_super"),
    ];
    for (feature, needed) in needs {
        if has(feature) && !has(needed) {
            return Err(invalid(format!("feature {feature} needs the feature {needed}")));
        }
    }
    if has("resize_inode") && has("meta_bg") {
        return Err(invalid("features resize_inode and meta_bg exclude each other"));
    }
    Ok(())
}
