//! What is refused, with which exit status and which words; and that nothing is touched then.

use crate::{rump_ends, rump_with, says, sound, text};
use interop::image::Scratch;
use interop::program::run_ok;
use interop::suite::Suite;
use interop::{Check, context};
use std::fs::{self, File};

pub fn add(suite: &mut Suite, lacking: Option<&'static str>) {
    suite.add("wrong_command_lines_are_refused", lacking, usage);
    suite.add("what_is_there_is_not_overwritten", lacking, occupied);
    suite.add("a_held_image_is_left_alone", lacking, held);
    suite.add("wrong_names_are_told", lacking, wrong_names);
    suite.add("a_dry_run_makes_nothing", lacking, dry_run);
    suite.add("identifier_label_and_features_are_those_that_were_asked_for", lacking, asked_for);
}

fn usage() -> Check {
    let scratch = Scratch::new("usage")?;
    let (image, table) = (text(&scratch.path("image")), text(&scratch.path("table")));
    context(fs::write(&table, "/a f 644 0 0\n/b q 1 2 3\n"), "table")?;
    let cases: &[(&[&str], &str)] = &[
        (&["mkfs"], "FORMAT"),
        (&["mkfs", "ext4"], "IMAGE"),
        (&["mkfs", "xfs", &image, "--size", "1G"], "ext2, ext3, ext4"),
        (&["mkfs", "ext4", &image], "give its --size"),
        (&["mkfs", "ext4", &image, "--size", "lots"], "is no size"),
        (&["mkfs", "ext4", &image, "--size", "1G", "--fit"], "cannot be used with"),
        (&["mkfs", "ext4", &image, "--fit"], "--from"),
        (&["mkfs", "ext4", &image, "--size", "1G", "--slack", "5%"], "--fit"),
        (&["mkfs", "ext4", &image, "--size", "16M", "--uuid", "x"], "no UUID"),
        (&["mkfs", "ext4", &image, "--size", "16M", "--owner", "root"], "two numbers"),
        (&["mkfs", "ext4", &image, "--size", "16M", "-O", "nonsense"], "nonsense"),
        (&["mkfs", "ext4", &image, "--size", "16M", "-b", "1000"], "block_size"),
        (&["mkfs", "ext4", &image, "--size", "16M", "-L", "a label of more than sixteen"], "label"),
        (&["mkfs", "ext4", &image, "--size", "16M", "--map", &table], "line 2: type \"q\""),
        (&["mkfs", "ext4", "some.img:/path", "--size", "16M"], "is a path in an image"),
        (&["tar", &image], "--create"),
        (&["tar", "-c", "-x", &image], "cannot be used with"),
        (&["tar", "-x"], "ADDRESS"),
        (&["tar", "-c", "-z", "-J", &image], "cannot be used with"),
    ];
    for (arguments, told) in cases {
        says(&rump_ends(2, arguments)?, told).map_err(|what| format!("{arguments:?}: {what}"))?;
        if scratch.path("image").exists() {
            return Err(format!("{arguments:?} made an image"));
        }
    }
    let wrong_epoch = rump_with(&["mkfs", "ext4", &image, "--size", "16M", "--reproducible"], |command| {
        command.env("SOURCE_DATE_EPOCH", "yesterday");
    })?;
    if wrong_epoch.status != Some(2) {
        return Err(wrong_epoch.verdict());
    }
    says(&wrong_epoch, "SOURCE_DATE_EPOCH")
}

fn occupied() -> Check {
    let scratch = Scratch::new("occupied")?;
    let image = scratch.path("image");
    let name = text(&image);
    context(File::create(&image).and_then(|file| file.set_len(32 << 20)), "image")?;
    run_ok("mke2fs", &["-q", "-F", "-t", "ext3", "-L", "treasure", &name])?;
    let before = context(fs::read(&image), "image")?;
    let finished = rump_ends(1, &["mkfs", "ext4", &name])?;
    says(&finished, "holds a file system, ext3 \"treasure\"; --force overwrites it")?;
    if context(fs::read(&image), "image")? != before {
        return Err("it was changed".into());
    }
    rump_ends(0, &["mkfs", "ext4", &name, "--force"])?;
    sound(&image)?;
    let table = scratch.path("table");
    context(File::create(&table).and_then(|file| file.set_len(32 << 20)), "table")?;
    run_ok("sh", &["-c", &format!("printf 'label: gpt\\n,8M\\n,\\n' | sfdisk -q {}", text(&table))])?;
    says(&rump_ends(1, &["mkfs", "ext4", &text(&table)])?, "holds a gpt partition table")?;
    rump_ends(0, &["mkfs", "ext4", &format!("{}@2", text(&table)), "-L", "second"])?;
    let info = rump_ends(0, &["info", &text(&table)])?;
    if !String::from_utf8_lossy(&info.stdout).contains("second") {
        return Err(String::from_utf8_lossy(&info.stdout).into_owned());
    }
    says(&rump_ends(1, &["mkfs", "ext4", &format!("{}@7", text(&table))])?, "no partition 7")?;
    says(
        &rump_ends(1, &["mkfs", "ext4", &format!("{}@1", text(&table)), "--size", "9M"])?,
        "9437184 bytes are wanted",
    )?;
    run_ok("sfdisk", &["-q", "--verify", &text(&table)]).map(drop)
}

fn held() -> Check {
    let scratch = Scratch::new("held")?;
    let image = scratch.path("image");
    context(File::create(&image).and_then(|file| file.set_len(16 << 20)), "image")?;
    let file = context(File::open(&image), "image")?;
    context(rustix::fs::flock(&file, rustix::fs::FlockOperation::LockShared), "flock")?;
    says(&rump_ends(4, &["mkfs", "ext4", &text(&image)])?, "is locked by")?;
    drop(file);
    rump_ends(0, &["mkfs", "ext4", &text(&image)])?;
    let file = context(File::open(&image), "image")?;
    context(rustix::fs::flock(&file, rustix::fs::FlockOperation::LockShared), "flock")?;
    rump_ends(4, &["tar", "-x", "-f", "/dev/null", &text(&image)]).map(drop)
}

fn wrong_names() -> Check {
    let scratch = Scratch::new("names")?;
    let image = text(&scratch.path("image"));
    let missing = text(&scratch.path("missing"));
    rump_ends(1, &["mkfs", "ext4", &image, "--fit", "--from", &missing])?;
    rump_ends(1, &["mkfs", "ext4", &format!("{missing}/image"), "--size", "16M"])?;
    rump_ends(1, &["mkfs", "ext4", &image, "--size", "16M", "--map", &missing])?;
    rump_ends(3, &["mkfs", "ext4", &text(&scratch.path("")), "--size", "16M"])?;
    rump_ends(3, &["tar", "-x", "-f", "/dev/null", &missing])?;
    rump_ends(3, &["tar", "-c", "-f", "/dev/null", &missing])?;
    if scratch.path("image").exists() {
        return Err("an image was made".into());
    }
    rump_ends(0, &["mkfs", "ext4", &image, "--size", "16M"])?;
    rump_ends(1, &["tar", "-c", "-f", "/dev/null", &format!("{image}:/nowhere")])?;
    rump_ends(1, &["tar", "-x", "-f", "/dev/null", &format!("{image}:/nowhere")])?;
    rump_ends(1, &["tar", "-x", "-f", &missing, &image])?;
    sound(&scratch.path("image"))
}

fn dry_run() -> Check {
    let scratch = Scratch::new("dry")?;
    let (image, from) = (scratch.path("image"), text(&scratch.path("")));
    let finished = rump_ends(
        0,
        &["mkfs", "ext4", &text(&image), "--dry-run", "--json", "--fit", "--slack", "1M", "--from", &from],
    )?;
    let report: serde_json::Value = context(serde_json::from_slice(&finished.stdout), "report")?;
    if image.exists() || report["size"].as_u64().is_none_or(|size| size < 1 << 20) {
        return Err(format!("{report}"));
    }
    Ok(())
}

fn asked_for() -> Check {
    let scratch = Scratch::new("asked")?;
    let image = text(&scratch.path("image"));
    let uuid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
    rump_ends(
        0,
        &[
            "mkfs",
            "ext4",
            &image,
            "--size",
            "64M",
            "-L",
            "name",
            "-U",
            uuid,
            "-O",
            "^has_journal",
            "-b",
            "2048",
            "-I",
            "512",
            "-N",
            "4000",
            "-m",
            "1",
        ],
    )?;
    sound(&scratch.path("image"))?;
    let told = run_ok("dumpe2fs", &["-h", &image])?;
    for text in ["name", uuid, "Block size:               2048", "Inode size:\t          512"] {
        if !told.contains(text) {
            return Err(format!("{text:?} is not in\n{told}"));
        }
    }
    if told.contains("has_journal") { Err("it has a journal".into()) } else { Ok(()) }
}
