//! LUKS.

use crate::{contains, told};
use interop::image::Scratch;
use interop::program::run_ok;
use interop::suite::Suite;
use interop::{Check, context, text};
use std::fs::{self, File};
use std::path::Path;

const PASSPHRASE: &str = "three wörds and more";

/// A kind of LUKS 2, as options of `cryptsetup`, and as it is told.
const KINDS: &[(&str, &str, &str)] = &[
    (
        "argon2id",
        "--pbkdf argon2id --pbkdf-memory 32768 --pbkdf-force-iterations 4",
        "aes-xts-plain64, argon2id",
    ),
    (
        "argon2i",
        "--pbkdf argon2i --pbkdf-memory 16384 --pbkdf-force-iterations 4",
        "aes-xts-plain64, argon2i",
    ),
    (
        "large_sectors",
        "--sector-size 4096 --pbkdf pbkdf2 --pbkdf-force-iterations 1000",
        "aes-xts-plain64, pbkdf2",
    ),
    (
        "half_the_key",
        "--key-size 256 --hash sha512 --pbkdf pbkdf2 --pbkdf-force-iterations 1000",
        "aes-xts-plain64, pbkdf2",
    ),
    (
        "cbc",
        "--cipher aes-cbc-essiv:sha256 --key-size 256 --pbkdf pbkdf2 --pbkdf-force-iterations 1000",
        "aes-cbc-essiv:sha256, pbkdf2",
    ),
];

pub fn add(suite: &mut Suite, lacking: Option<&'static str>) {
    for (name, options, words) in KINDS {
        suite.add(format!("luks2_is_read_{name}"), lacking, move || second(options, words));
    }
    for options in [
        "",
        ",cipher-alg=aes-128,cipher-mode=cbc,ivgen-alg=plain64",
        ",cipher-alg=twofish-256",
        ",cipher-alg=serpent-256",
    ] {
        let name = options.trim_start_matches(',').replace([',', '=', '-'], "_");
        suite.add(format!("luks1_is_read_{name}"), lacking, move || first(options));
    }
    suite.add("luks_in_a_partition_is_written", lacking, written);
    suite.add("a_wrong_or_missing_passphrase_is_told", lacking, refused);
    suite.add("the_second_header_serves_where_the_first_is_damaged", lacking, second_header);
}

/// `tree`, `plain` (ext4 of 16 MiB with it), and `key`, a file with the passphrase.
fn plain(name: &str) -> Check<Scratch> {
    let scratch = Scratch::new(name)?;
    let tree = scratch.path("tree");
    context(fs::create_dir(&tree), "tree")?;
    for number in 0..30_usize {
        let bytes = interop::source::pattern(number as u64, number * 5000);
        context(fs::write(tree.join(format!("file-{number}")), bytes), "tree")?;
    }
    context(fs::write(scratch.path("key"), PASSPHRASE), "key")?;
    crate::empty(&scratch.path("plain"), 48)?;
    let words =
        ["-q", "-F", "-t", "ext4", "-b", "4096", "-d", &text(&tree), &text(&scratch.path("plain")), "16M"];
    run_ok("mke2fs", &words)?;
    Ok(scratch)
}

fn compare(scratch: &Scratch, place: &str) -> Check {
    let key = text(&scratch.path("key"));
    let listing = |place: &str| told(&["--key-file", &key, "sum", &format!("{place}:/")], 0);
    let (wanted, found) = (listing(&text(&scratch.path("plain")))?, listing(place)?);
    // The lines name the files alone, not the image that they are in.
    if wanted == found && wanted.lines().count() >= 30 {
        Ok(())
    } else {
        Err(format!("{wanted}\nis not\n{found}"))
    }
}

/// Makes `image` of LUKS 2 with the content of `plain`: its first 16 MiB, behind the header.
fn encrypt(scratch: &Scratch, options: &str) -> Check {
    let image = scratch.path("image");
    context(fs::copy(scratch.path("plain"), &image), "image")?;
    let (image, key) = (text(&image), text(&scratch.path("key")));
    let mut words = vec!["reencrypt", "--encrypt", "-q", "--type", "luks2", "--reduce-device-size", "32M"];
    words.extend(options.split_whitespace());
    words.extend(["--key-file", &key, &image]);
    run_ok("cryptsetup", &words).map(drop)
}

fn second(options: &str, words: &str) -> Check {
    let scratch = plain("luks2")?;
    encrypt(&scratch, options)?;
    let image = text(&scratch.path("image"));
    compare(&scratch, &image)?;
    contains(&told(&["info", &image], 0)?, &format!("    +0: LUKS2 ({words}), locked\n"))?;
    let key = text(&scratch.path("key"));
    let opened = told(&["--passphrase-file", &key, "info", &image], 0)?;
    contains(&opened, &format!("    +0: LUKS2 ({words})\n      ext4\n"))
}

fn convert(scratch: &Scratch, options: &str) -> Check {
    let [key, plain, image] = ["key", "plain", "image"].map(|name| text(&scratch.path(name)));
    let secret = format!("secret,id=s,file={key}");
    let options = format!("key-secret=s,iter-time=10{options}");
    let words = ["convert", "--object", &secret, "-f", "raw", "-O", "luks", "-o", &options, &plain, &image];
    run_ok("qemu-img", &words).map(drop)
}

fn first(options: &str) -> Check {
    let scratch = plain("luks1")?;
    convert(&scratch, options)?;
    compare(&scratch, &text(&scratch.path("image")))
}

/// What we write in LUKS in a partition QEMU decrypts, and `e2fsck` finds whole.
fn written() -> Check {
    let scratch = plain("written")?;
    convert(&scratch, "")?;
    let [key, luks, disk, plain] = ["key", "image", "disk", "out"].map(|name| text(&scratch.path(name)));
    crate::empty(Path::new(&disk), 64)?;
    context(fs::write(scratch.path("script"), "label: gpt\n2048,,L\n"), "script")?;
    let script = context(File::open(scratch.path("script")), "script")?;
    let mut sfdisk = std::process::Command::new("sfdisk");
    let made = sfdisk.args(["-q", "--no-reread", &disk]).stdin(script).status();
    if !context(made, "sfdisk")?.success() {
        return Err("sfdisk failed".into());
    }
    let copy = |from: String, to: String, skip: &str| {
        let words =
            [format!("if={from}"), format!("of={to}"), "bs=1M".into(), "conv=notrunc".into(), skip.into()];
        run_ok("dd", &words).map(drop)
    };
    copy(luks, disk.clone(), "seek=1")?;
    let file = text(&scratch.path("tree/file-29"));
    told(&["--key-file", &key, "cp", &file, &format!("{disk}@1:/copy")], 0)?;
    contains(&told(&["--key-file", &key, "ls", &format!("{disk}:/")], 0)?, "copy\n")?;
    let back = text(&scratch.path("back"));
    copy(disk, back.clone(), "skip=1")?;
    let secret = format!("secret,id=s,file={key}");
    let source = format!("driver=luks,key-secret=s,file.driver=file,file.filename={back}");
    run_ok("qemu-img", &["convert", "--object", &secret, "--image-opts", &source, "-O", "raw", &plain])?;
    run_ok("e2fsck", &["-fn", &plain])?;
    let copied = run_ok("debugfs", &["-R", "cat /copy", &plain])?;
    let wanted = context(fs::read(&file), "file")?;
    if copied == String::from_utf8_lossy(&wanted) { Ok(()) } else { Err("the copy is another".into()) }
}

fn refused() -> Check {
    let scratch = plain("refused")?;
    convert(&scratch, "")?;
    let (image, wrong) = (text(&scratch.path("image")), text(&scratch.path("wrong")));
    context(fs::write(&wrong, "another one\n"), "wrong")?;
    contains(
        &told(&["ls", &format!("{image}:/")], 3)?,
        "it is encrypted: --passphrase-file or --key-file opens it",
    )?;
    contains(
        &told(&["--passphrase-file", &wrong, "ls", &format!("{image}:/")], 3)?,
        "LUKS: no keyslot opens with this passphrase or key",
    )
}

fn second_header() -> Check {
    use std::os::unix::fs::FileExt;
    let scratch = plain("headers")?;
    encrypt(&scratch, "--pbkdf pbkdf2 --pbkdf-force-iterations 1000")?;
    let image = scratch.path("image");
    let file = context(File::options().write(true).open(&image), "image")?;
    // A byte of the JSON, and then all of it with its signature.
    context(file.write_all_at(b"?", 4200), "image")?;
    compare(&scratch, &text(&image))?;
    context(file.write_all_at(&[0; 8192], 0), "image")?;
    compare(&scratch, &text(&image))
}
