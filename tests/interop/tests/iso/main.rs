//! ISO 9660 images, made by xorriso and genisoimage: what we see of them is what they were made of, and what xorriso,
//! bsdtar, isoinfo and blkid see.
#![forbid(unsafe_code)]

mod attributes;
mod boot;
mod damage;
mod large;
mod linux;
mod make;
mod names;
mod packed;
mod records;
mod sessions;
mod source;
mod trees;

use interop::Check;
use interop::program::lacks;
use interop::suite::Suite;

const WRITERS: &[&str] = &["xorriso", "genisoimage", "isoinfo", "bsdtar", "prlimit"];

type Test = (&'static str, fn() -> Check, &'static [&'static str]);

/// Each with the programs it needs besides the writers.
const TESTS: &[Test] = &[
    ("joliet_by_xorriso", || names::joliet("xorriso -outdev IMAGE -joliet on -map TREE /"), &[]),
    (
        "joliet_by_genisoimage",
        || names::joliet("genisoimage -quiet -J -R -input-charset utf-8 -o IMAGE TREE"),
        &[],
    ),
    (
        "joliet_without_rock_ridge",
        || names::joliet("genisoimage -quiet -J -input-charset utf-8 -o IMAGE TREE"),
        &[],
    ),
    ("joliet_long_and_beyond_16_bits", names::long_joliet, &[]),
    ("plain_level_1", || names::plain("genisoimage -quiet -iso-level 1 -o IMAGE TREE"), &[]),
    ("plain_level_2", || names::plain("genisoimage -quiet -iso-level 2 -R -J -o IMAGE TREE"), &[]),
    ("plain_level_3", || names::plain("genisoimage -quiet -iso-level 3 -o IMAGE TREE"), &[]),
    ("plain_by_xorriso", || names::plain("xorriso -as mkisofs -quiet -iso-level 2 -o IMAGE TREE"), &[]),
    ("enhanced_names", names::enhanced, &[]),
    ("options_choose_the_tree", names::options, &[]),
    ("labels_and_identifiers", names::labels, &["blkid"]),
    ("sessions_by_xorriso", sessions::by_xorriso, &[]),
    ("sessions_one_behind_the_other", sessions::one_behind_the_other, &[]),
    ("a_neighbour_is_no_session", sessions::a_neighbour_is_no_session, &[]),
    ("deep_trees_relocated", || trees::deep("genisoimage -quiet -R -o IMAGE TREE"), &[]),
    ("deep_trees_not_relocated", || trees::deep("genisoimage -quiet -R -D -o IMAGE TREE"), &[]),
    ("deep_trees_by_xorriso", || trees::deep("xorriso -outdev IMAGE -map TREE /"), &[]),
    (
        "deep_trees_relocated_by_xorriso",
        || trees::deep("xorriso -outdev IMAGE -compliance deep_paths_off:long_paths_off -map TREE /"),
        &[],
    ),
    ("sparse_files_of_rock_ridge_are_refused", records::sparse, &[]),
    ("attributes_and_lists", attributes::agree, &["setfattr", "setfacl"]),
    ("boot_catalogue", boot::catalogue, &["mke2fs"]),
    ("boot_floppy", boot::emulated_floppy, &["mke2fs"]),
    ("hybrid_with_mbr", boot::hybrid_mbr, &["mke2fs"]),
    ("hybrid_by_isohybrid", boot::hybrid_by_isohybrid, &["mke2fs", "isohybrid"]),
    ("hybrid_with_gpt", boot::hybrid_gpt, &["mke2fs"]),
    ("hybrid_with_appended_partition", boot::appended_partition, &["mke2fs"]),
    ("damaged_2000_images", damage::flipped_bits, &[]),
    ("damaged_images_that_are_cut", damage::cut_images, &[]),
    ("damaged_cut_file_is_told", damage::a_cut_file_is_told, &[]),
    ("damaged_loop_is_told", damage::a_loop_is_told, &[]),
];

/// Each makes images that only root can make.
const WITH_LINUX: &[Test] = &[
    ("linux_shows_the_same_of_rock_ridge", linux::rock_ridge, &[]),
    ("linux_shows_the_same_of_other_names", linux::names, &[]),
    ("linux_shows_the_same_of_packed_files_and_sessions", linux::sessions, &[]),
    ("linux_shows_the_same_of_rare_records", records::as_linux_shows, &["setfattr", "setfacl"]),
    ("linux_shows_the_same_of_associated_files", records::associated, &[]),
];

fn main() {
    let mut suite = Suite::default();
    let lacking = lacks(WRITERS);
    let root = (!rustix::process::geteuid().is_root()).then_some("root, to make devices and owners");
    for (name, line) in trees::FORMATS {
        suite.add(format!("tree_{name}"), lacking.or(root), || trees::agrees(name, line));
    }
    for (name, commands) in packed::FORMATS {
        let lacking = lacking.or_else(|| lacks(&["mkzftree"]));
        suite.add(format!("packed_{name}"), lacking, || packed::agrees(commands));
    }
    for (name, writer) in [
        ("large_by_xorriso", "xorriso -as mkisofs -quiet -R -iso-level 3 -o - \"$1\""),
        (
            "large_by_bsdtar",
            "bsdtar -c --format iso9660 --options iso-level=3,rockridge=strict -f - -C \"$1\" .",
        ),
    ] {
        suite.add(name, large::lacking(), || large::agrees(writer));
    }
    for (name, run, programs) in TESTS {
        let boot = name.starts_with("boot") || name.starts_with("hybrid");
        let lacking = lacking.or_else(|| lacks(programs)).or_else(|| boot.then(boot::lacking).flatten());
        suite.add(*name, lacking, *run);
    }
    for (name, run, programs) in WITH_LINUX {
        let lacking = lacking.or(root).or_else(interop::uml::lacking);
        suite.add(*name, lacking.or_else(|| lacks(programs)), run);
    }
    suite.run();
}
