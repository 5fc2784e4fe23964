//! Content against a model in memory, on many formats; `e2fsck`, `debugfs` and the host's kernel judge.

mod fixture;

use fixture::{Image, Mount, Random};
use rump_kpi::{Allocation, Errno, FileType, Node, SetAttr};
use std::sync::Arc;

/// Each with its size in MiB.
const FORMATS: &[(u64, &[&str])] = &[
    (64, &["-t", "ext2", "-b", "1024"]),
    (64, &["-t", "ext2", "-b", "4096", "-O", "^resize_inode"]),
    (64, &["-t", "ext3", "-b", "2048"]),
    (64, &["-t", "ext4", "-b", "1024"]),
    (64, &["-t", "ext4", "-b", "4096", "-O", "^has_journal"]),
    (64, &["-t", "ext4", "-b", "4096", "-O", "64bit,metadata_csum"]),
    (64, &["-t", "ext4", "-b", "2048", "-O", "^64bit,^metadata_csum,uninit_bg"]),
    (128, &["-t", "ext4", "-b", "4096", "-O", "bigalloc", "-C", "65536"]),
    (64, &["-t", "ext4", "-b", "1024", "-O", "bigalloc", "-C", "4096", "-N", "1024"]),
    (256, &["-t", "ext4", "-b", "65536", "-O", "^has_journal"]),
    (64, &["-t", "ext4", "-b", "4096", "-O", "inline_data,metadata_csum"]),
    (64, &["-t", "ext4", "-b", "4096", "-I", "128", "-O", "^metadata_csum"]),
];

/// The same for content that goes through the journal.
const JOURNALED: &[(u64, &[&str])] = &[
    (64, &["-t", "ext3", "-b", "1024", "-J", "size=1"]),
    (64, &["-t", "ext4", "-b", "4096", "-O", "inline_data"]),
    (64, &["-t", "ext4", "-b", "1024", "-O", "bigalloc", "-C", "65536"]),
];

const NAMES: [&str; 3] = ["one", "two", "three"];

struct File {
    name: &'static str,
    node: Arc<dyn Node>,
    model: Vec<u8>,
}

fn resize(node: &Arc<dyn Node>, size: u64) -> rump_kpi::KResult<()> {
    node.set_attr(SetAttr { size: Some(size), ..SetAttr::default() })
}

fn open(mount: &Mount, models: Vec<Vec<u8>>) -> Vec<File> {
    let file = |(name, model)| File { name, node: mount.find(name).unwrap(), model };
    NAMES.into_iter().zip(models).map(file).collect()
}

fn compare(file: &File, context: &str) {
    let size = file.node.attr().unwrap().size as usize;
    assert_eq!(size, file.model.len(), "{context}: size of {}", file.name);
    let mut content = vec![0xaa; size + 100];
    let len = file.node.read_at(0, &mut content).unwrap();
    assert_eq!(len, size, "{context}");
    let differs = (0..size).find(|at| content[*at] != file.model[*at]);
    assert_eq!(differs, None, "{context}: content of {} differs", file.name);
}

/// One random operation on a file and its model.
fn step(file: &mut File, random: &mut Random, most: u64, extents: bool) {
    let offset = random.below(most);
    let len = match random.below(10) {
        0 => random.below(most / 4),
        1..=4 => random.below(100),
        _ => random.below(most / 150),
    } + 1;
    let end = offset + len;
    let size = file.model.len() as u64;
    let zero = |model: &mut Vec<u8>, to: u64| {
        let (from, to) = (offset.min(size) as usize, to.min(model.len() as u64) as usize);
        model[from..to.max(from)].fill(0);
    };
    match random.below(100) {
        0..60 => {
            // Half of the writes go on at the end.
            let offset = if random.below(2) == 0 { size } else { offset };
            let mut buf = vec![0; len as usize];
            random.fill(&mut buf);
            let end = (offset + len) as usize;
            if file.model.len() < end {
                file.model.resize(end, 0);
            }
            file.model[offset as usize..end].copy_from_slice(&buf);
            assert_eq!(file.node.write_at(offset, &buf).unwrap(), buf.len());
        }
        60..70 => {
            resize(&file.node, offset).unwrap();
            file.model.resize(offset as usize, 0);
        }
        70..80 => {
            file.node.allocate(offset, len, Allocation::PunchHole).unwrap();
            zero(&mut file.model, end);
        }
        80..85 => file.node.fsync().unwrap(),
        how if extents => {
            let how = [Allocation::Extend, Allocation::Reserve, Allocation::Zero, Allocation::ZeroKeepSize]
                [how as usize % 4];
            file.node.allocate(offset, len, how).unwrap();
            if matches!(how, Allocation::Extend | Allocation::Zero) && size < end {
                file.model.resize(end as usize, 0);
            }
            if matches!(how, Allocation::Zero | Allocation::ZeroKeepSize) {
                zero(&mut file.model, end);
            }
        }
        _ => {
            let refused = file.node.allocate(offset, len, Allocation::Extend).unwrap_err();
            assert_eq!(refused.errno, Errno::ENOTSUP);
        }
    }
}

fn seeks_agree(file: &File) {
    let mut at = 0;
    while at < file.model.len() as u64 {
        let Ok(data) = file.node.seek_data(at) else { break };
        assert!(file.model[at as usize..data as usize].iter().all(|byte| *byte == 0), "a hole has content");
        at = file.node.seek_hole(data).unwrap();
        assert!(at > data);
    }
}

fn judge(image: &Image, models: &[Vec<u8>], context: &str) {
    image.check();
    for (name, model) in NAMES.iter().zip(models) {
        assert!(image.dump(name) == *model, "{context}: debugfs reads another {name}");
    }
    image.by_kernel(|point| {
        for (name, model) in NAMES.iter().zip(models) {
            assert!(
                std::fs::read(point.join(name)).unwrap() == *model,
                "{context}: Linux reads another {name}"
            );
        }
    });
}

fn run(format: &(u64, &[&str]), mode: &str, seed: u64, rounds: u64, steps: u64) {
    let (mebibytes, options) = format;
    let context = format!("seed {seed}, mke2fs {} {mode}", options.join(" "));
    println!("{context}");
    let files: Vec<(&str, &[u8])> = NAMES.iter().map(|name| (*name, &b"begin"[..])).collect();
    let image = Image::make_with("content", *mebibytes, options, &files);
    let extents = options.contains(&"ext4");
    let mut random = Random(seed);
    let mut models = vec![b"begin".to_vec(); NAMES.len()];
    for _ in 0..rounds {
        let mount = image.try_mount(mode).unwrap();
        let mut files = open(&mount, models);
        for number in 0..steps {
            let file = &mut files[random.below(3) as usize];
            step(file, &mut random, 3 << 20, extents);
            if number % 16 == 0 {
                compare(file, &context);
                seeks_agree(file);
            }
        }
        files.iter().for_each(|file| compare(file, &context));
        models = files.into_iter().map(|file| file.model).collect();
        mount.unmount();
        judge(&image, &models, &context);
    }
}

#[test]
fn small_files_stay_in_their_inodes_and_leave_them() {
    for options in ["inline_data", "inline_data,^has_journal,^extent,^64bit"] {
        let options = ["-t", "ext4", "-b", "1024", "-O", options, "-I", "512"];
        let image = Image::make("inline", 32, &options);
        let mut random = Random(3);
        let mut models: Vec<Vec<u8>> = vec![Vec::new(); 60];
        let names: Vec<String> = (0..models.len()).map(|number| format!("file{number}")).collect();
        for round in 0..4 {
            let mount = image.mount();
            for (name, model) in names.iter().zip(&mut models) {
                let node = match mount.find(name) {
                    Ok(node) => node,
                    Err(_) => mount.create(name, FileType::Regular).unwrap(),
                };
                let mut file = File { name: "small", node, model: std::mem::take(model) };
                for _ in 0..6 {
                    step(&mut file, &mut random, 150 << (2 * round), !options[5].contains("^extent"));
                    compare(&file, options[5]);
                }
                *model = file.model;
            }
            mount.unmount();
            image.check();
            for (name, model) in names.iter().zip(&models) {
                // debugfs gives all of `i_block` of a content that is shorter.
                let dump = image.dump(name);
                let (content, rest) = dump.split_at(model.len().min(dump.len()));
                assert!(content == model && rest.iter().all(|byte| *byte == 0), "{name} in round {round}");
            }
            image.by_kernel(|point| {
                for (name, model) in names.iter().zip(&models) {
                    assert!(std::fs::read(point.join(name)).unwrap() == *model, "{name} in round {round}");
                }
            });
            if round == 0 {
                assert!(image.debugfs("stat file0").contains("Flags: 0x10000000"), "no file is in its inode");
            }
        }
    }
}

#[test]
fn random_changes_are_what_every_reader_sees() {
    let seed = std::env::var("SEED").map_or(7, |seed| seed.parse().expect("a number"));
    for format in FORMATS {
        run(format, "", seed, 3, 150);
    }
    for format in JOURNALED {
        run(format, "data=journal", seed, 3, 150);
    }
}

/// As editors and package managers save: write beside, move over, and trust that one of the two is there.
#[test]
fn what_a_file_is_replaced_by_is_there_whenever_its_name_is() {
    for options in [&["-t", "ext4"][..], &["-t", "ext3"]] {
        let image = Image::make("replaced", 32, options);
        let mount = image.mount();
        mount.create("/config", FileType::Regular).unwrap().write_at(0, b"old").unwrap();
        mount.fs.sync().unwrap();
        let new = vec![b'n'; 10_000];
        mount.create("/config.new", FileType::Regular).unwrap().write_at(0, &new).unwrap();
        let (root, old) = (mount.find("/").unwrap(), mount.ino("/config").unwrap());
        root.rename(b"config.new", mount.fs.root(), b"config").unwrap();
        // This commits the move; nobody asked for the content.
        mount.create("/other", FileType::Regular).unwrap().fsync().unwrap();
        let after_a_crash = image.copy();
        after_a_crash.recover();
        assert_eq!(after_a_crash.dump("/config"), new, "{options:?}");
        mount.fs.forget(old);
        mount.unmount();
        image.check();
    }
}
