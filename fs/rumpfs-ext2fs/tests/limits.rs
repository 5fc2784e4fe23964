//! Content where it becomes tight: full volumes, deep maps, failing devices, crashes, threads.

mod fixture;

use fixture::{Fault, Image, Mount, Random};
use rump_kpi::{Allocation, DevNumber, Errno, FileType, KResult, Mode, NewNode, Node, SetAttr, XattrFlags};
use std::sync::Arc;

fn resize(node: &Arc<dyn Node>, size: u64) -> KResult<()> {
    node.set_attr(SetAttr { size: Some(size), ..SetAttr::default() })
}

fn pattern(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Random(seed).fill(&mut bytes);
    bytes
}

fn free(mount: &Mount) -> u64 {
    mount.fs.statvfs().unwrap().blocks_free
}

#[test]
fn a_full_volume_loses_nothing_and_can_be_filled_again() {
    for (options, mode) in [
        (&["-t", "ext4", "-b", "1024"][..], ""),
        (&["-t", "ext2", "-b", "1024"], ""),
        (&["-t", "ext4", "-b", "4096", "-O", "^has_journal"], ""),
        (&["-t", "ext4", "-b", "4096", "-O", "bigalloc", "-C", "16384"], ""),
        (&["-t", "ext4", "-b", "1024", "-J", "size=1"], "data=journal"),
    ] {
        let files: Vec<String> = (0..40).map(|number| format!("file{number}")).collect();
        let with: Vec<(&str, &[u8])> = files.iter().map(|name| (name.as_str(), &b""[..])).collect();
        let image = Image::make_with("full", 24, options, &with);
        for round in 0..3u64 {
            let mount = image.try_mount(mode).unwrap();
            let start = free(&mount);
            let nodes: Vec<_> = files.iter().map(|name| mount.find(name).unwrap()).collect();
            let mut models = vec![Vec::new(); files.len()];
            let mut random = Random(round);
            let mut refused = 0;
            while refused < 200 {
                let index = random.below(nodes.len() as u64) as usize;
                let len = if random.below(4) == 0 { 300_000 } else { 1 + random.below(9000) };
                let bytes = pattern(random.next(), len as usize);
                // Some leave a hole, so that maps of blocks grow.
                let gap = if random.below(3) == 0 { random.below(40_000) } else { 0 };
                let offset = models[index].len() as u64 + gap;
                match nodes[index].write_at(offset, &bytes) {
                    Ok(_) => {
                        models[index].resize(offset as usize, 0);
                        models[index].extend_from_slice(&bytes);
                    }
                    Err(error) => {
                        assert_eq!(error.errno, Errno::ENOSPC, "{options:?}");
                        refused += 1;
                        // What was written of it is not counted on.
                        resize(&nodes[index], models[index].len() as u64).unwrap();
                    }
                }
            }
            mount.fs.sync().unwrap_or_else(|error| panic!("{options:?}: what was taken is lost: {error:?}"));
            assert!(free(&mount) < 700, "{options:?}: {} blocks are left", free(&mount));
            mount.unmount();
            image.check();
            let mount = image.mount();
            for (name, model) in files.iter().zip(&models) {
                assert!(mount.read(name).unwrap() == *model, "{options:?}: {name}");
            }
            for name in &files {
                resize(&mount.find(name).unwrap(), 0).unwrap();
            }
            mount.fs.sync().unwrap();
            assert_eq!(free(&mount), start, "{options:?}: space was lost");
            mount.unmount();
            image.check();
        }
    }
}

/// Makes something that takes space for metadata alone, and whose name is long.
fn make_metadata(mount: &Mount, number: u64, random: &mut Random) -> KResult<()> {
    let name = format!("{number}-{}", "n".repeat(random.below(240) as usize));
    let dir = mount.find("names")?;
    match random.below(4) {
        0 => mount.create(&format!("names/{name}"), FileType::Directory).map(drop),
        1 => mount.create(&format!("names/{name}"), FileType::Regular).map(drop),
        2 => {
            let target = "t".repeat(900);
            let file_type = FileType::Symlink;
            let (mode, rdev) = (Mode::new(0o777), DevNumber::default());
            let new = NewNode { file_type, mode, uid: 0, gid: 0, rdev, target: target.as_bytes() };
            dir.create(name.as_bytes(), new).map(drop)
        }
        _ => {
            let node = mount.create(&format!("names/{name}"), FileType::Regular)?;
            node.set_xattr(b"user.a", &pattern(number, 700), XattrFlags::empty())
        }
    }
}

#[test]
fn metadata_leaves_to_content_in_memory_what_was_promised_to_it() {
    for (options, mode) in [
        (&["-t", "ext4", "-b", "1024"][..], ""),
        (&["-t", "ext2", "-b", "1024"], ""),
        (&["-t", "ext4", "-b", "4096", "-O", "^has_journal"], ""),
        (&["-t", "ext4", "-b", "4096", "-O", "bigalloc", "-C", "16384"], ""),
        (&["-t", "ext4", "-b", "1024", "-O", "inline_data"], ""),
        (&["-t", "ext4", "-b", "1024", "-J", "size=1"], "data=journal"),
    ] {
        let files: Vec<String> = (0..20).map(|number| format!("file{number}")).collect();
        let with: Vec<(&str, &[u8])> = files.iter().map(|name| (name.as_str(), &b""[..])).collect();
        let options = [options, &["-N", "4096"]].concat();
        let image = Image::make_with("promises", 24, &options, &with);
        let mount = image.try_mount(mode).unwrap();
        mount.create("names", FileType::Directory).unwrap();
        // Little is left.
        let filler = mount.create("filler", FileType::Regular).unwrap();
        let facts = mount.fs.statvfs().unwrap();
        let left = facts.blocks_free * u64::from(facts.block_size) - (2 << 20);
        filler.allocate(0, left, Allocation::Extend).or_else(|_| resize(&filler, 0)).unwrap();
        for at in (filler.attr().unwrap().size..left).step_by(1 << 20) {
            filler.write_at(at, &[7; 1 << 20]).unwrap();
        }
        mount.fs.sync().unwrap();
        let nodes: Vec<_> = files.iter().map(|name| mount.find(name).unwrap()).collect();
        let mut models = vec![Vec::new(); files.len()];
        let mut random = Random(options.len() as u64);
        let (mut accepted, mut refused) = (0, [0, 0]);
        for turn in 0..20_000 {
            if refused.iter().all(|count| *count > 20) {
                break;
            }
            let result = if random.below(3) > 0 {
                let made = make_metadata(&mount, turn, &mut random);
                refused[0] += u32::from(made.is_err());
                made
            } else {
                let index = random.below(nodes.len() as u64) as usize;
                let bytes = pattern(turn, 1 + random.below(6000) as usize);
                let offset = models[index].len() + random.below(9000) as usize;
                let written = nodes[index].write_at(offset as u64, &bytes);
                if written.is_ok() {
                    models[index].resize(offset, 0);
                    models[index].extend_from_slice(&bytes);
                    accepted += 1;
                } else {
                    refused[1] += 1;
                    // What was written of it is not counted on.
                    resize(&nodes[index], models[index].len() as u64).unwrap();
                }
                written.map(drop)
            };
            if let Err(error) = result {
                assert_eq!(error.errno, Errno::ENOSPC, "{options:?}");
            }
            if turn % 100 == 99 {
                nodes[turn as usize / 100 % nodes.len()].fsync().unwrap();
            }
        }
        assert!(
            accepted > 20 && refused.iter().all(|count| *count > 20),
            "{options:?}: {accepted}, {refused:?}"
        );
        mount.fs.sync().unwrap_or_else(|error| panic!("{options:?}: what was taken is lost: {error:?}"));
        mount.unmount();
        image.check();
        let mount = image.mount();
        for (name, model) in files.iter().zip(&models) {
            assert!(mount.read(name).unwrap() == *model, "{options:?}: {name}");
        }
    }
}

#[test]
fn directories_do_not_take_what_content_and_its_map_need() {
    const BLOCKS: u64 = 8;
    let options = ["-t", "ext4", "-b", "1024", "-N", "8192"];
    let image = Image::make_with("room", 8, &options, &[("file", b"")]);
    let mount = image.mount();
    let node = mount.find("file").unwrap();
    // More pieces than an inode has records for.
    for number in 0..BLOCKS {
        node.write_at(number * 2048, &pattern(number, 1024)).unwrap();
    }
    let refused = (0..).find_map(|number| mount.create(&format!("d{number}"), FileType::Directory).err());
    assert_eq!(refused.unwrap().errno, Errno::ENOSPC);
    node.fsync().unwrap();
    mount.unmount();
    image.check();
    let content = image.dump("file");
    for number in 0..BLOCKS {
        assert_eq!(content[number as usize * 2048..][..1024], pattern(number, 1024));
    }
}

/// What a file has on the device, then in memory, and what changes its map before that is flushed: blocks of 1 KiB.
type Change = (&'static str, &'static [(u64, u64)], (u64, u64), fn(&Arc<dyn Node>) -> KResult<()>);

#[test]
fn a_map_that_changes_does_not_take_what_content_in_memory_needs() {
    const THREE: &[(u64, u64)] = &[(0, 10), (20, 10), (40, 10)];
    let changes: [Change; 5] = [
        ("ext4", THREE, (60, 1), |node| node.allocate(24 << 10, 1024, Allocation::PunchHole)),
        ("ext4", THREE, (60, 1), |node| node.write_at(1000 << 10, &[3; 300 << 10]).map(drop)),
        ("ext2", &[(100, 1)], (101, 1), |node| node.allocate(100 << 10, 1024, Allocation::PunchHole)),
        ("bigalloc", &[(4, 4)], (8, 4), |node| node.allocate(4 << 10, 4096, Allocation::PunchHole)),
        ("bigalloc", &[(8, 4)], (4, 4), |node| resize(node, 8 << 10)),
    ];
    let mut lost = Vec::new();
    for (place, (kind, stored, in_memory, change)) in changes.into_iter().enumerate() {
        let options = match kind {
            "bigalloc" => &["-t", "ext4", "-b", "4096", "-O", "bigalloc", "-C", "16384"][..],
            kind => &["-t", kind, "-b", "1024"],
        };
        let image = Image::make_with("changes", 16, &[options, &["-N", "16384"]].concat(), &[("file", b"")]);
        let mount = image.mount();
        let node = mount.find("file").unwrap();
        let write = |(block, count): (u64, u64), byte| {
            node.write_at(block << 10, &vec![byte; (count << 10) as usize]).unwrap();
        };
        for piece in stored {
            write(*piece, 1);
        }
        mount.fs.sync().unwrap();
        write(in_memory, 2);
        change(&node).unwrap();
        let refused = (0..).find_map(|number| mount.create(&format!("d{number}"), FileType::Directory).err());
        assert_eq!(refused.unwrap().errno, Errno::ENOSPC);
        if node.fsync().is_err() {
            lost.push(place);
            continue;
        }
        let expected = mount.read("file").unwrap();
        mount.unmount();
        image.check();
        let content = image.dump("file");
        let at = (in_memory.0 << 10) as usize..((in_memory.0 + in_memory.1) << 10) as usize;
        assert!(content == expected && content[at].iter().all(|byte| *byte == 2), "{place}");
    }
    assert!(lost.is_empty(), "what was taken is lost: {lost:?}");
}

#[test]
fn what_found_no_room_for_its_map_is_written_once_there_is_some() {
    const BLOCKS: u64 = 8;
    let options = ["-t", "ext4", "-b", "1024", "-N", "8192", "-O", "^metadata_csum,^uninit_bg"];
    let image = Image::make_with("room", 8, &options, &[("file", b"")]);
    let mount = image.mount();
    let mut directories = 0;
    while mount.create(&format!("d{directories}"), FileType::Directory).is_ok() {
        directories += 1;
    }
    assert_eq!(free(&mount), 0);
    let mut remove = |mount: &Mount, count: u64| {
        for _ in 0..count {
            directories -= 1;
            let name = format!("d{directories}");
            let ino = mount.ino(&name).unwrap();
            mount.find("").unwrap().rmdir(name.as_bytes()).unwrap();
            mount.fs.forget(ino);
        }
    };
    // Room for the content, not for the map; but the volume says that there is.
    remove(&mount, BLOCKS);
    mount.unmount();
    image.debugfs_write(&format!("set_block_group 0 free_blocks_count {}", BLOCKS + 4));
    let mount = image.mount();
    let node = mount.find("file").unwrap();
    // More pieces than an inode has records for.
    for number in 0..BLOCKS {
        node.write_at(number * 2048, &pattern(number, 1024)).unwrap();
    }
    for _ in 0..3 {
        assert_eq!(node.fsync().unwrap_err().errno, Errno::ENOSPC);
    }
    remove(&mount, 3);
    node.fsync().unwrap();
    mount.unmount();
    // Its counts are still wrong.
    image.repair();
    let content = image.dump("file");
    for number in 0..BLOCKS {
        assert_eq!(content[number as usize * 2048..][..1024], pattern(number, 1024));
    }
}

#[test]
fn threads_that_fill_a_volume_lose_nothing_that_was_taken() {
    let options = ["-t", "ext4", "-b", "1024", "-N", "4096"];
    let image = Image::make_with("threads", 12, &options, &[("one", b""), ("two", b"")]);
    let mount = image.mount();
    mount.create("names", FileType::Directory).unwrap();
    let models: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let writers = ["one", "two"].map(|name| {
            let node = mount.find(name).unwrap();
            scope.spawn(move || {
                let (mut model, mut random, mut refused) = (Vec::new(), Random(name.len() as u64), 0);
                for turn in 0..20_000 {
                    let bytes = pattern(turn, 1 + random.below(6000) as usize);
                    match node.write_at(model.len() as u64, &bytes) {
                        Ok(_) => model.extend_from_slice(&bytes),
                        Err(error) => {
                            assert_eq!(error.errno, Errno::ENOSPC);
                            refused += 1;
                            // Some room for all again, from time to time.
                            model.truncate(model.len() / 2);
                            resize(&node, model.len() as u64).unwrap();
                        }
                    }
                    if turn % 50 == 0 {
                        node.fsync().unwrap();
                    }
                    if refused > 30 {
                        break;
                    }
                }
                model
            })
        });
        let maker = scope.spawn(|| {
            let mut random = Random(3);
            for number in 0..3000 {
                if let Err(error) = make_metadata(&mount, number, &mut random) {
                    assert_eq!(error.errno, Errno::ENOSPC);
                }
            }
        });
        maker.join().unwrap();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    mount.fs.sync().unwrap();
    mount.unmount();
    image.check();
    assert!(image.dump("one") == models[0] && image.dump("two") == models[1]);
}

#[test]
fn every_other_block_makes_a_deep_tree_that_can_be_filled_and_freed() {
    // Nodes of 84 records: three levels from 28,224 extents on.
    let image = Image::make_with("deep", 128, &["-t", "ext4", "-b", "1024", "-N", "64"], &[("file", b"")]);
    let mount = image.mount();
    let start = free(&mount);
    let node = mount.find("file").unwrap();
    const BLOCKS: u64 = 32_000;
    for number in 0..BLOCKS {
        // From the end to the start and from the start to the end, so that nodes split everywhere.
        let place = if number % 2 == 0 { number } else { 2 * BLOCKS - number };
        node.write_at(place * 2048, &place.to_le_bytes()).unwrap();
    }
    mount.fs.sync().unwrap();
    let tree = image.debugfs("stat file");
    assert!(tree.contains("(ETB2)"), "the tree has no three levels");
    for number in 0..BLOCKS {
        let place = if number % 2 == 0 { number } else { 2 * BLOCKS - number };
        let mut bytes = [0; 8];
        node.read_at(place * 2048, &mut bytes).unwrap();
        assert_eq!(u64::from_le_bytes(bytes), place);
    }
    mount.unmount();
    image.check();
    let mount = image.mount();
    let node = mount.find("file").unwrap();
    for hole in (0..2000).rev() {
        node.allocate(hole * 30_720 + 4096, 8192, Allocation::PunchHole).unwrap();
    }
    resize(&node, 20_000_000).unwrap();
    mount.fs.sync().unwrap();
    mount.unmount();
    image.check();
    let mount = image.mount();
    let node = mount.find("file").unwrap();
    resize(&node, 0).unwrap();
    mount.fs.sync().unwrap();
    assert_eq!(free(&mount), start);
    assert_eq!(node.attr().unwrap().blocks, 0);
    mount.unmount();
    image.check();
    assert!(image.debugfs("stat file").contains("EXTENTS:\n"), "the root still has records");
}

#[test]
fn a_file_as_long_as_its_map_allows() {
    for (options, most) in [
        (&["-t", "ext4", "-b", "1024"][..], ((1u64 << 32) - 1) << 10),
        (&["-t", "ext2", "-b", "1024"], (12 + 256 + 256 * 256 + 256 * 256 * 256) << 10),
    ] {
        let image = Image::make_with("long", 16, options, &[("file", b"x")]);
        let mount = image.mount();
        let node = mount.find("file").unwrap();
        node.write_at(most - 5, b"end").unwrap();
        assert_eq!(node.write_at(most - 3, b"beyond").unwrap_err().errno, Errno::EFBIG, "{options:?}");
        assert_eq!(resize(&node, most + 1).unwrap_err().errno, Errno::EFBIG);
        node.write_at(most / 2, b"middle").unwrap();
        assert_eq!(node.seek_data(1024).unwrap(), most / 2 / 1024 * 1024);
        mount.unmount();
        image.check();
        let mount = image.mount();
        let node = mount.find("file").unwrap();
        let mut end = [0; 9];
        assert_eq!(node.read_at(most - 5, &mut end).unwrap(), 3);
        assert_eq!(&end[..3], b"end");
        resize(&node, most / 2 + 3).unwrap();
        resize(&node, most).unwrap();
        assert_eq!(node.read_at(most / 2, &mut end).unwrap(), 9);
        assert_eq!(&end, b"mid\0\0\0\0\0\0");
        mount.unmount();
        image.check();
    }
}

#[test]
fn two_threads_write_two_files() {
    let image = Image::make_with("threads", 256, &["-t", "ext4"], &[("one", b""), ("two", b"")]);
    let mount = image.try_mount("dirty=4").unwrap();
    const PIECES: u64 = 3000;
    std::thread::scope(|scope| {
        for name in ["one", "two"] {
            let node = mount.find(name).unwrap();
            scope.spawn(move || {
                let mut random = Random(name.len() as u64 + u64::from(name.as_bytes()[0]));
                for number in 0..PIECES {
                    let bytes = pattern(number, 8192);
                    node.write_at(number * 8192, &bytes).unwrap();
                    let back = random.below(number + 1);
                    let mut read = vec![0; 8192];
                    node.read_at(back * 8192, &mut read).unwrap();
                    assert!(read == pattern(back, 8192), "{name} at piece {back}");
                    if number % 500 == 0 {
                        node.fsync().unwrap();
                    }
                }
            });
        }
        let fs = mount.fs.clone();
        scope.spawn(move || (0..20).for_each(|_| fs.sync().unwrap()));
    });
    mount.unmount();
    image.check();
    let expected: Vec<u8> = (0..PIECES).flat_map(|number| pattern(number, 8192)).collect();
    assert!(image.dump("one") == expected && image.dump("two") == expected);
}

const NAMES: [&str; 3] = ["one", "two", "three"];

/// Writes, cuts and syncs until something fails or `steps` are done. Answers what the files should hold.
fn busy(mount: &Mount, seed: u64, steps: u64) -> KResult<Vec<Vec<u8>>> {
    let mut random = Random(seed);
    let mut models = vec![b"begin".to_vec(); NAMES.len()];
    for _ in 0..steps {
        let index = random.below(3) as usize;
        let (node, model) = (mount.find(NAMES[index])?, &mut models[index]);
        let (offset, len) = (random.below(600_000), 1 + random.below(40_000));
        let (from, to) = (offset as usize, (offset + len) as usize);
        match random.below(10) {
            0..6 => {
                node.write_at(offset, &pattern(offset, len as usize))?;
                model.resize(model.len().max(to), 0);
                model[from..to].copy_from_slice(&pattern(offset, len as usize));
            }
            6 => {
                resize(&node, offset)?;
                model.resize(from, 0);
            }
            7 => {
                node.allocate(offset, len, Allocation::PunchHole)?;
                let to = to.min(model.len());
                model[from.min(to)..to].fill(0);
            }
            8 => node.fsync()?,
            _ => mount.fs.sync()?,
        }
    }
    mount.fs.unmount()?;
    Ok(models)
}

#[test]
fn a_write_that_fails_is_reported_or_made_good() {
    let files = NAMES.map(|name| (name, &b"begin"[..]));
    for (options, mode) in [
        (&["-t", "ext4", "-b", "1024"][..], ""),
        (&["-t", "ext3", "-b", "4096"], ""),
        (&["-t", "ext4", "-b", "1024"], "data=journal"),
    ] {
        let mut reported = 0;
        for after in (0..160).step_by(7) {
            let image = Image::make_with("fault", 32, options, &files);
            let mount = image.try_mount(mode).unwrap();
            mount.device.set_fault(Fault::One(after));
            let result = busy(&mount, after, 240);
            assert!(mount.device.had_fault(), "the fault after {after} writes did not come");
            drop(mount);
            match result {
                Err(error) => {
                    assert!(matches!(error.errno, Errno::EIO | Errno::EROFS), "{error:?}");
                    image.recover();
                    reported += 1;
                }
                Ok(models) => {
                    image.check();
                    for (name, model) in NAMES.iter().zip(models) {
                        assert!(image.dump(name) == model, "{name} after {after} writes");
                    }
                }
            }
        }
        assert!(reported > 10, "{options:?} {mode}: {reported} were reported");
    }
}

#[test]
fn a_device_that_dies_leaves_what_can_be_recovered() {
    let files = NAMES.map(|name| (name, &b"begin"[..]));
    for after in (0..200).step_by(9) {
        let image = Image::make_with("dead", 32, &["-t", "ext4", "-b", "1024"], &files);
        if after % 3 == 0 {
            image.tune2fs(&["-o", "journal_data"]);
        }
        let mount = if after % 2 == 0 { image.mount() } else { image.mount_in_haste() };
        mount.device.set_fault(Fault::All(after));
        assert!(busy(&mount, after, 400).is_err(), "{after}");
        drop(mount);
        image.recover();
    }
}

#[test]
fn an_error_of_content_is_said_once() {
    let image = Image::make_with("once", 32, &["-t", "ext4"], &[("file", b"")]);
    let mount = image.mount();
    let node = mount.find("file").unwrap();
    node.write_at(0, &pattern(1, 10_000)).unwrap();
    mount.device.set_fault(Fault::One(0));
    assert_eq!(node.fsync().unwrap_err().errno, Errno::EIO);
    node.fsync().unwrap();
    assert_eq!(node.attr().unwrap().size, 0, "what was lost still counts");
    node.write_at(0, b"again").unwrap();
    node.fsync().unwrap();
    assert_eq!(mount.read("file").unwrap(), b"again");
    drop(mount);
    image.check();
}

#[test]
fn damage_met_while_writing_is_an_error_and_no_accident() {
    let files = NAMES.map(|name| (name, &[7u8; 200_000][..]));
    let seed = std::env::var("SEED").map_or(5, |seed| seed.parse().expect("a number"));
    let mut random = Random(seed);
    for (options, mode) in [
        (&["-t", "ext2", "-b", "1024"][..], ""),
        (&["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,^has_journal"], ""),
        (&["-t", "ext4", "-b", "4096", "-O", "bigalloc,^metadata_csum,^has_journal", "-C", "16384"], ""),
        (&["-t", "ext4", "-b", "1024", "-O", "^metadata_csum", "-J", "size=1"], "data=journal"),
    ] {
        let image = Image::make_with("damage", 16, options, &files);
        let mount = image.mount();
        // Deep maps, so that there is something to damage.
        for number in 0..600 {
            mount.find("one").unwrap().write_at(number * 8192 + 400_000, b"piece").unwrap();
        }
        mount.unmount();
        let sound = std::fs::read(image.path()).unwrap();
        for round in 0..60 {
            println!("seed {seed}, {options:?}, round {round}");
            let mut bytes = sound.clone();
            let maps: Vec<usize> = (0..bytes.len() / 1024)
                .map(|block| block * 1024)
                .filter(|at| *at >= 4096 && bytes[*at..at + 1024].iter().any(|byte| *byte != 0 && *byte != 7))
                .collect();
            for _ in 0..1 + random.below(12) {
                let at = maps[random.below(maps.len() as u64) as usize] + random.below(256) as usize;
                bytes[at] = random.next() as u8;
            }
            std::fs::write(image.path(), &bytes).unwrap();
            let Ok(mount) = image.try_mount(mode) else { continue };
            for step in 0..40 {
                let Ok(node) = mount.find(NAMES[random.below(3) as usize]) else { continue };
                let (offset, len) = (random.below(6_000_000), 1 + random.below(60_000));
                let _ = match step % 4 {
                    0 | 1 => node.write_at(offset, &pattern(offset, len as usize)).map(|_| ()),
                    2 => resize(&node, offset),
                    _ => node.allocate(offset, len, Allocation::PunchHole),
                };
            }
            let _ = mount.fs.unmount();
        }
    }
}

#[test]
fn operations_gather_in_one_transaction() {
    let image = Image::make_with("gather", 64, &["-t", "ext4"], &[("file", b"")]);
    let mount = image.mount();
    let node = mount.find("file").unwrap();
    let (before, _) = mount.device.written();
    for size in 0..500 {
        resize(&node, size * 1000).unwrap();
    }
    let (after, _) = mount.device.written();
    // One commit may come by its age.
    assert!(after - before < 20, "{} writes for 500 operations", after - before);
    mount.unmount();
    image.check();
}

#[test]
fn a_cut_in_many_steps_that_is_broken_off_is_completed_by_whoever_comes_next() {
    const BLOCKS: u64 = 28_000;
    let options = ["-t", "ext4", "-b", "1024", "-J", "size=1", "-N", "64"];
    let image = Image::make_with("cut", 64, &options, &[("file", b"")]);
    let mount = image.mount();
    let node = mount.find("file").unwrap();
    for number in 0..BLOCKS {
        node.write_at(number * 2048, &[1]).unwrap();
    }
    mount.unmount();
    image.check();
    let sound = std::fs::read(image.path()).unwrap();
    let (mut completed, mut whole) = (0, 0);
    for after in (1..60).step_by(4) {
        std::fs::write(image.path(), &sound).unwrap();
        let mount = image.mount_in_haste();
        mount.device.set_fault(Fault::All(after));
        let node = mount.find("file").unwrap();
        let cut = resize(&node, 5000).and_then(|()| mount.fs.sync());
        drop((node, mount));
        let said = image.recover();
        let mount = image.mount();
        let size = mount.find("file").unwrap().attr().unwrap().size;
        assert!(size == 5000 || (size == BLOCKS * 2048 - 2047 && cut.is_err()), "{after}: {size} bytes");
        completed += u32::from(said.contains("orphan"));
        whole += u32::from(cut.is_ok());
        mount.unmount();
    }
    assert!(completed > 0, "no cut was broken off between two steps");
    assert!(whole < 15, "no fault came");
}
