//! Content that goes through the journal: `data=journal`, and files with the attribute `j`.

mod fixture;

use fixture::{Fault, Image, Mount, Random, environment, file_system_type};
use rump_kpi::{Allocation, Errno, FileType, KResult, SetAttr};
use std::sync::Arc;

const JOURNAL: &str = "data=journal";

/// Formats with the size of the volume in MiB.
const FORMATS: &[(u64, &[&str])] = &[
    (64, &["-t", "ext4", "-b", "1024", "-J", "size=1"]),
    (64, &["-t", "ext4", "-b", "4096"]),
    (64, &["-t", "ext3", "-b", "1024", "-J", "size=1"]),
    (64, &["-t", "ext4", "-b", "4096", "-O", "bigalloc", "-C", "16384"]),
    // A cluster has more blocks than enter a transaction at once.
    (64, &["-t", "ext4", "-b", "1024", "-J", "size=1", "-O", "bigalloc", "-C", "65536"]),
];

fn pattern(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Random(seed).fill(&mut bytes);
    bytes
}

fn cut_power(mount: Mount) {
    mount.device.set_fault(Fault::All(0));
    drop(mount);
}

/// Whether a block of `content` is in the journal.
fn is_in_journal(image: &Image, content: &[u8]) -> bool {
    let log = image.dump("<8>");
    log.chunks(1024).any(|block| block == &content[..1024])
}

/// Writes and syncs a file under `options`; answers whether its content went through the journal.
fn goes_through_journal(image: &Image, options: &str, seed: u64) -> bool {
    let content = pattern(seed, 3000);
    let mount = image.try_mount(options).unwrap();
    let node = mount.find("file").unwrap();
    node.write_at(0, &content).unwrap();
    node.fsync().unwrap();
    drop(node);
    mount.unmount();
    image.check();
    assert_eq!(image.dump("file"), content);
    is_in_journal(image, &content)
}

fn small(options: &[&str]) -> Image {
    Image::make_with("mode", 16, &[&["-b", "1024"], options].concat(), &[("file", b"")])
}

#[test]
fn the_mode_is_asked_for_by_the_mount_and_by_the_superblock() {
    let image = small(&["-t", "ext4"]);
    assert!(!goes_through_journal(&image, "", 1));
    assert!(!goes_through_journal(&image, "data=ordered", 2));
    assert!(goes_through_journal(&image, JOURNAL, 3));
    assert_eq!(image.try_mount("data=writeback").err().unwrap().errno, Errno::EINVAL);
    image.tune2fs(&["-o", "journal_data"]);
    assert!(goes_through_journal(&image, "", 4));
    assert!(!goes_through_journal(&image, "data=ordered", 5));
    image.tune2fs(&["-o", "journal_data_writeback"]);
    assert!(!goes_through_journal(&image, "", 6));
    image.tune2fs(&["-E", "mount_opts=data=journal"]);
    assert!(goes_through_journal(&image, "", 7));
    image.tune2fs(&["-o", "journal_data", "-E", "mount_opts=data=ordered"]);
    assert!(!goes_through_journal(&image, "", 8));
}

#[test]
fn a_volume_without_a_journal_refuses_the_mode_and_ignores_a_default() {
    let image = small(&["-t", "ext2"]);
    let refused = image.try_mount(JOURNAL).err().unwrap();
    assert_eq!(refused.errno, Errno::EINVAL);
    assert!(refused.to_string().contains("journal"), "{refused}");
    image.tune2fs(&["-o", "journal_data"]);
    image.mount().unmount();
    image.check();
    // For reading it means nothing.
    let device = Arc::new(fixture::FileDevice::open(&image.path()));
    file_system_type().mount(Some(device), true, JOURNAL, &environment()).unwrap();
}

#[test]
fn a_file_may_ask_for_itself() {
    let image = small(&["-t", "ext4"]);
    image.debugfs_write("set_inode_field file flags 0x84000");
    assert!(goes_through_journal(&image, "", 1));
    assert!(goes_through_journal(&image, "data=ordered", 2));
}

/// What was journaled is not brought back over what others have there now, straight or as metadata.
#[test]
fn old_content_does_not_come_back() {
    let image = Image::make_with("back", 8, &["-t", "ext4", "-b", "1024", "-J", "size=1"], &[("file", b"")]);
    image.debugfs_write("set_inode_field file flags 0x84000");
    let mount = image.mount();
    let node = mount.find("file").unwrap();
    let len = mount.fs.statvfs().unwrap().blocks_available as usize * 1024 - 200_000;
    node.write_at(0, &pattern(1, len)).unwrap();
    node.fsync().unwrap();
    drop(node);
    let (root, ino) = (mount.find("/").unwrap(), mount.ino("file").unwrap());
    root.unlink(b"file").unwrap();
    mount.fs.forget(ino);
    mount.fs.sync().unwrap();
    let content = pattern(2, len / 2);
    let other = mount.create("other", FileType::Regular).unwrap();
    other.write_at(0, &content).unwrap();
    other.fsync().unwrap();
    for index in 0..800 {
        mount.create(&format!("a-name-that-fills-the-root-directory-{index}"), FileType::Fifo).unwrap();
    }
    other.fsync().unwrap();
    drop((other, root));
    cut_power(mount);
    image.recover();
    assert!(image.dump("other") == content);
    let mount = image.mount();
    assert!(mount.find("a-name-that-fills-the-root-directory-799").is_ok());
    mount.unmount();
}

/// Three places of a file are written anew, and the device dies after `after` writes. Answers which of them are new
/// after recovery, and whether the device died at all.
fn overwrite_and_die(image: &Image, options: &str, after: u64) -> ([bool; 3], bool) {
    const PLACES: [u64; 3] = [0, 40_960, 81_920];
    let mount = image.try_mount(options).unwrap();
    let node = mount.find("file").unwrap();
    mount.device.set_fault(Fault::All(after));
    let write = |place: &u64| node.write_at(*place, &[b'n'; 9000]).map(drop);
    let died = PLACES.iter().try_for_each(write).and_then(|()| node.fsync()).is_err();
    drop(node);
    cut_power(mount);
    image.recover();
    let content = image.dump("file");
    let is_new = PLACES.map(|place| {
        let part = &content[place as usize..place as usize + 9000];
        assert!(part.iter().all(|byte| *byte == part[0]), "{options}: a place is half new");
        part[0] == b'n'
    });
    (is_new, died)
}

#[test]
fn an_overwrite_in_place_is_never_half_done() {
    for (mebibytes, options) in FORMATS {
        let image = Image::make_with("half", *mebibytes, options, &[("file", &[b'o'; 100_000])]);
        let sound = std::fs::read(image.path()).unwrap();
        let mut halves = [0, 0];
        for (mode, halves) in ["data=ordered", JOURNAL].iter().zip(&mut halves) {
            let mut after = 0;
            let mut seen = [0, 0];
            loop {
                std::fs::write(image.path(), &sound).unwrap();
                let (is_new, died) = overwrite_and_die(&image, mode, after);
                match is_new {
                    [true, true, true] => seen[1] += 1,
                    [false, false, false] => seen[0] += 1,
                    _ => *halves += 1,
                }
                assert!(died || is_new == [true; 3], "what was durable is not there");
                if !died {
                    break;
                }
                after += 1;
            }
            assert!(seen[0] > 0 && seen[1] > 0, "{options:?}, {mode}: {seen:?} of {after} cuts");
        }
        assert!(halves[0] > 0, "{options:?}: no cut of ordered mode showed what this test looks for");
        assert_eq!(halves[1], 0, "{options:?}");
    }
}

/// Writes, cuts, zeroes and writes again; answers the content there should be.
fn large(mount: &Mount) -> KResult<Vec<u8>> {
    let node = mount.find("file")?;
    let mut model = pattern(1, 20 << 20);
    // Looks like a block of the journal.
    model[4096..4100].copy_from_slice(&[0xc0, 0x3b, 0x39, 0x98]);
    node.write_at(0, &model)?;
    let again = pattern(2, 3 << 20);
    node.write_at(1_234_567, &again)?;
    model[1_234_567..1_234_567 + again.len()].copy_from_slice(&again);
    node.allocate(5_000_001, 2_000_000, Allocation::PunchHole)?;
    model[5_000_001..7_000_001].fill(0);
    for place in (0..60).map(|index| index * 300_007) {
        node.write_at(place, &[b'x'; 1500])?;
        model[place as usize..place as usize + 1500].fill(b'x');
    }
    let size = model.len() - 12_345;
    node.set_attr(SetAttr { size: Some(size as u64), ..SetAttr::default() })?;
    node.set_attr(SetAttr { size: Some(20 << 20), ..SetAttr::default() })?;
    model[size..].fill(0);
    node.fsync()?;
    Ok(model)
}

#[test]
fn a_large_file_goes_through_a_small_journal() {
    for (mebibytes, options) in FORMATS {
        let image = Image::make_with("large", *mebibytes, options, &[("file", b"")]);
        let mount = image.try_mount(JOURNAL).unwrap();
        let before = mount.device.written().1;
        let model = large(&mount).unwrap();
        assert!(
            mount.device.written().1 - before > 2 * (20 << 20),
            "{options:?}: not all went to the journal"
        );
        assert!(mount.read("file").unwrap() == model, "{options:?}");
        let after_a_crash = image.copy();
        after_a_crash.recover();
        assert!(after_a_crash.dump("file") == model, "{options:?}: after a crash");
        mount.unmount();
        image.check();
        assert!(image.dump("file") == model, "{options:?}");
    }
}

#[test]
fn a_large_file_survives_any_fault_as_far_as_it_is_durable() {
    for (mebibytes, options) in FORMATS {
        let image = Image::make_with("faults", *mebibytes, options, &[("file", b"")]);
        let sound = std::fs::read(image.path()).unwrap();
        for after in [3, 40, 160, 333] {
            for fault in [Fault::All(after), Fault::One(after)] {
                std::fs::write(image.path(), &sound).unwrap();
                let mount = image.try_mount(JOURNAL).unwrap();
                mount.device.set_fault(fault);
                let result = large(&mount);
                drop(mount);
                image.recover();
                if let Ok(model) = result {
                    assert!(image.dump("file") == model, "{options:?}: {fault:?}");
                }
            }
        }
    }
}

/// Where a commit fails, the map in memory names blocks that do not have their content yet; nobody sees what they had.
#[test]
fn what_a_failed_commit_leaves_shows_no_one_elses_content() {
    let image = Image::make_with("failed", 8, &["-t", "ext4", "-b", "1024"], &[]);
    let mount = image.mount();
    let len = mount.fs.statvfs().unwrap().blocks_available as usize * 1024 - 100_000;
    let (foreign, ino) = (mount.create("foreign", FileType::Regular).unwrap(), mount.ino("foreign").unwrap());
    foreign.write_at(0, &vec![b'f'; len]).unwrap();
    drop(foreign);
    mount.fs.sync().unwrap();
    mount.find("/").unwrap().unlink(b"foreign").unwrap();
    mount.fs.forget(ino);
    mount.create("file", FileType::Regular).unwrap();
    mount.unmount();
    let sound = std::fs::read(image.path()).unwrap();
    let mut shown = 0;
    for after in 0..8 {
        for fault in [Fault::One(after), Fault::All(after)] {
            std::fs::write(image.path(), &sound).unwrap();
            let mount = image.try_mount(JOURNAL).unwrap();
            let node = mount.find("file").unwrap();
            mount.device.set_fault(fault);
            let written = node.write_at(0, &[b'n'; 100_000]).and_then(|_| node.fsync());
            let content = mount.read("file").unwrap();
            assert!(content.iter().all(|byte| *byte == b'n'), "{fault:?}: {:?}", content[0] as char);
            assert!(written.is_err() || content.len() == 100_000);
            shown += u32::from(written.is_err() && content.len() == 100_000);
            drop(node);
            drop(mount);
            image.recover();
            assert!(image.dump("file").iter().all(|byte| *byte == b'n'), "{fault:?}");
        }
    }
    assert!(shown > 0, "no commit failed behind the map");
}
