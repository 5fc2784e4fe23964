//! Files that lose their last name while they are open: after a crash they are freed, by `e2fsck`, by the kernel and
//! by this driver. Crashes in the middle of anything else leave a volume that recovers to a sound state.

mod fixture;

use fixture::{Fault, Image, Mount, Random};
use rump_kpi::{DevNumber, FileType, Mode, NewNode, Node, SetAttr, XattrFlags};
use std::sync::Arc;

const FORMATS: [&[&str]; 7] = [
    &["-t", "ext4", "-b", "1024", "-N", "4000"],
    &["-t", "ext4", "-b", "4096", "-O", "orphan_file", "-N", "4000"],
    &["-t", "ext3", "-b", "1024", "-N", "4000"],
    &["-t", "ext4", "-b", "1024", "-O", "^orphan_file", "-N", "4000"],
    &["-t", "ext4", "-b", "1024", "-O", "ea_inode", "-N", "4000"],
    &["-t", "ext4", "-b", "4096", "-O", "bigalloc", "-C", "16384", "-N", "4000"],
    &["-t", "ext4", "-b", "1024", "-O", "^has_journal", "-N", "4000"],
];

/// Makes files that are open and have no name any more.
fn make_orphans(mount: &Mount) -> Vec<Arc<dyn Node>> {
    let root = mount.find("/").unwrap();
    let mut open = Vec::new();
    for index in 0..30 {
        let name = format!("f{index}");
        let file_type = if index % 5 == 4 { FileType::Directory } else { FileType::Regular };
        let node = mount.create(&name, file_type).unwrap();
        node.set_xattr(b"user.a", &vec![index; 200 + usize::from(index)], XattrFlags::empty()).unwrap();
        if file_type == FileType::Regular {
            node.write_at(u64::from(index) * 5000, &vec![index; usize::from(index) * 3000]).unwrap();
            root.unlink(name.as_bytes()).unwrap();
        } else {
            root.rmdir(name.as_bytes()).unwrap();
        }
        open.push(node);
    }
    open
}

/// A power cut: nothing more reaches the device.
fn cut_power(mount: Mount) {
    mount.device.set_fault(Fault::All(0));
    drop(mount);
}

fn free(image: &Image) -> (u64, u64) {
    let mount = image.mount();
    let sizes = mount.fs.statvfs().unwrap();
    mount.unmount();
    (sizes.blocks_free, sizes.files_free)
}

#[test]
fn orphans_are_freed_after_a_crash() {
    for options in FORMATS {
        for by_driver in [true, false] {
            let image = Image::make("orphans", 32, options);
            let before = free(&image);
            let mount = image.mount();
            let open = make_orphans(&mount);
            mount.fs.sync().unwrap();
            assert!(free_now(&mount) < before.0, "{options:?}");
            let read = open[7].attr().unwrap();
            assert_eq!((read.nlink, read.size), (0, 7 * 5000 + 7 * 3000));
            drop(open);
            cut_power(mount);
            if by_driver {
                let after = free(&image);
                image.check();
                assert_eq!(after, before, "{options:?}");
            } else {
                let text = image.recover();
                assert!(text.contains("rphan"), "{options:?}: {text}");
                assert_eq!(free(&image), before, "{options:?}");
            }
        }
    }
}

fn free_now(mount: &Mount) -> u64 {
    mount.fs.statvfs().unwrap().blocks_free
}

#[test]
fn orphans_are_forgotten_in_any_order() {
    for options in FORMATS {
        let image = Image::make("orphans", 32, options);
        let before = free(&image);
        let mount = image.mount();
        let root = mount.find("/").unwrap();
        let mut inos = Vec::new();
        for index in 0..40 {
            let name = format!("f{index}");
            let node = mount.create(&name, FileType::Regular).unwrap();
            node.write_at(0, &[1; 9000]).unwrap();
            inos.push(root.lookup(name.as_bytes()).unwrap());
            root.unlink(name.as_bytes()).unwrap();
        }
        let mut random = Random(9);
        while !inos.is_empty() {
            mount.fs.forget(inos.swap_remove(random.below(inos.len() as u64) as usize));
        }
        mount.unmount();
        image.check();
        assert_eq!(free(&image), before, "{options:?}");
    }
}

/// The kernel keeps its orphans in a file where the volume has one.
#[test]
fn orphans_of_the_kernel_are_freed() {
    for option in ["orphan_file", "^orphan_file"] {
        let image = Image::make("kernel", 32, &["-t", "ext4", "-b", "1024", "-O", option]);
        let before = free(&image);
        let copied = image.by_kernel_writing(|point| {
            let open: Vec<_> = (0..20)
                .map(|index| {
                    let path = point.join(format!("f{index}"));
                    std::fs::write(&path, vec![index; 50_000]).unwrap();
                    let file = std::fs::File::open(&path).unwrap();
                    std::fs::remove_file(&path).unwrap();
                    file
                })
                .collect();
            open[0].sync_all().unwrap();
            std::process::Command::new("sync").arg("-f").arg(point).status().unwrap();
            std::fs::copy(image.path(), image.path().with_extension("crashed")).unwrap();
        });
        if copied.is_none() {
            return;
        }
        std::fs::rename(image.path().with_extension("crashed"), image.path()).unwrap();
        let after = free(&image);
        image.check();
        assert_eq!(after, before, "{option}");
    }
}

/// A list that bites its tail, or names what it must not, is cut.
#[test]
fn a_list_that_is_wrong_ends() {
    for (name, value) in [("cycle", None), ("far", Some("4000000000")), ("journal", Some("8"))] {
        let image =
            Image::make(name, 16, &["-t", "ext4", "-b", "1024", "-N", "2000", "-O", "^metadata_csum"]);
        let mount = image.mount();
        let open = make_orphans(&mount);
        mount.fs.sync().unwrap();
        drop(open);
        cut_power(mount);
        let head = image.debugfs("show_super_stats -h");
        let first = head.lines().find_map(|line| line.strip_prefix("First orphan inode:")).unwrap().trim();
        match value {
            Some(value) => image.debugfs_write(&format!("set_inode_field <{first}> dtime @{value}")),
            None => image.debugfs_write(&format!("set_inode_field <{first}> dtime @{first}")),
        }
        let mount = image.mount();
        mount.create("after", FileType::Regular).unwrap();
        mount.unmount();
        image.repair();
    }
}

#[test]
fn a_crash_at_any_write_leaves_what_recovers() {
    for options in [FORMATS[0], FORMATS[2], FORMATS[4], FORMATS[5]] {
        let mut cut_at = 1;
        loop {
            let image = Image::make("crash", 16, options);
            let mount = image.mount();
            mount.device.set_fault(Fault::All(cut_at));
            let died = work(&mount).is_err();
            cut_power(mount);
            let copy = image.path().with_extension("copy");
            std::fs::copy(image.path(), &copy).unwrap();
            image.recover();
            std::fs::rename(&copy, image.path()).unwrap();
            image.mount().unmount();
            image.check();
            if !died {
                break;
            }
            cut_at += cut_at / 3 + 1;
        }
    }
}

/// Where single writes fail, the volume stops; what was durable before stays so.
#[test]
fn a_failed_write_leaves_what_recovers() {
    for fault in (0..60).step_by(6) {
        let image = Image::make("fault", 16, FORMATS[0]);
        let mount = image.mount();
        mount.device.set_fault(Fault::One(fault));
        let _ = work(&mount);
        let _ = mount.fs.unmount();
        drop(mount);
        image.recover();
    }
}

fn work(mount: &Mount) -> rump_kpi::KResult<()> {
    let root = mount.find("/")?;
    let new = |file_type| NewNode {
        file_type,
        mode: Mode::new(0o755),
        uid: 0,
        gid: 0,
        rdev: DevNumber::default(),
        target: &[b't'; 90][..if file_type == FileType::Symlink { 90 } else { 0 }],
    };
    for round in 0..6 {
        let dir_name = format!("dir{round}");
        let dir_ino = root.create(dir_name.as_bytes(), new(FileType::Directory))?;
        let dir = mount.fs.node(dir_ino)?;
        for index in 0..40 {
            let name = format!("a-name-that-fills-the-directory-{index}");
            let file_type = [FileType::Regular, FileType::Symlink, FileType::Fifo][index % 3];
            let ino = dir.create(name.as_bytes(), new(file_type))?;
            let node = mount.fs.node(ino)?;
            if file_type == FileType::Regular {
                node.write_at(0, &vec![7; 2000 * (index % 7)])?;
                node.set_xattr(b"user.x", &[3; 400], XattrFlags::empty())?;
                node.set_attr(SetAttr { size: Some(1000), ..SetAttr::default() })?;
            }
            if index % 4 == 3 {
                drop(node);
                dir.unlink(name.as_bytes())?;
                mount.fs.forget(ino);
            }
            if index % 4 == 1 {
                dir.rename(name.as_bytes(), mount.fs.root(), format!("moved-{round}-{index}").as_bytes())?;
            }
        }
        mount.fs.sync()?;
    }
    Ok(())
}
