//! LUKS.

use crate::{contains, told};
use interop::image::Scratch;
use interop::program::{qemu_img, run_ok};
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
    suite.add("a_header_in_a_file_of_its_own_opens_what_tells_nothing", lacking, detached);
    suite.add("a_copy_of_a_header_opens_what_lost_it", lacking, copied_header);
    let lacking = lacking.or_else(|| interop::program::lacks(&["script"]));
    suite.add("a_key_that_takes_long_is_told_on_a_terminal", lacking, told_of);
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
    qemu_img(&words).map(drop)
}

fn first(options: &str) -> Check {
    let scratch = plain("luks1")?;
    convert(&scratch, options)?;
    compare(&scratch, &text(&scratch.path("image")))
}

fn partition(scratch: &Scratch, disk: &str, script: &str) -> Check {
    context(fs::write(scratch.path("script"), script), "script")?;
    let script = context(File::open(scratch.path("script")), "script")?;
    let mut sfdisk = std::process::Command::new("sfdisk");
    let made = sfdisk.args(["-q", "--no-reread", disk]).stdin(script).status();
    if context(made, "sfdisk")?.success() { Ok(()) } else { Err("sfdisk failed".into()) }
}

/// What we write in LUKS in a partition QEMU decrypts, and `e2fsck` finds whole.
fn written() -> Check {
    let scratch = plain("written")?;
    convert(&scratch, "")?;
    let [key, luks, disk, plain] = ["key", "image", "disk", "out"].map(|name| text(&scratch.path(name)));
    crate::empty(Path::new(&disk), 64)?;
    partition(&scratch, &disk, "label: gpt\n2048,,L\n")?;
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

fn detached() -> Check {
    let scratch = plain("detached")?;
    let [key, plain, image, header] =
        ["key", "plain", "image", "header"].map(|name| text(&scratch.path(name)));
    context(fs::copy(&plain, &image), "image")?;
    let words = ["reencrypt", "--encrypt", "-q", "--type", "luks2", "--header", &header, "--pbkdf", "pbkdf2"];
    run_ok(
        "cryptsetup",
        &[&words[..], &["--pbkdf-force-iterations", "1000", "--key-file", &key, &image]].concat(),
    )?;
    let place = format!("{image}:/");
    let listing = |options: &[&str], place: &str| told(&[options, &["sum", place]].concat(), 0);
    let opened = ["--header", &header, "--key-file", &key];
    let wanted = listing(&[], &format!("{plain}:/"))?;
    if listing(&opened, &place)? != wanted || wanted.lines().count() < 30 {
        return Err("the files are other ones".into());
    }
    contains(&told(&["ls", &place], 3)?, "no file system that is known here")?;
    contains(
        &told(&["--header", &header, "ls", &place], 3)?,
        "it is encrypted: --passphrase-file or --key-file",
    )?;
    contains(&told(&["--header", &plain, "ls", &place], 3)?, "plain holds no header of LUKS")?;
    let shown = told(&[&opened[..], &["info", &image]].concat(), 0)?;
    contains(&shown, &format!("+0: LUKS2 (aes-xts-plain64, pbkdf2, header in {header})\n      ext4\n"))?;
    // In a partition, beside one of another kind, and written.
    let disk = text(&scratch.path("disk"));
    crate::empty(Path::new(&disk), 64)?;
    partition(&scratch, &disk, "label: gpt\n2048,32768,L\n34816,,L\n")?;
    for (from, seek) in [(&plain, "seek=1"), (&image, "seek=17")] {
        let (from, to) = (format!("if={from}"), format!("of={disk}"));
        run_ok("dd", &[from.as_str(), &to, "bs=1M", "count=16", "conv=notrunc", seek])?;
    }
    let file = text(&scratch.path("tree/file-29"));
    told(&[&opened[..], &["cp", &file, &format!("{disk}@2:/copy")]].concat(), 0)?;
    if told(&[&opened[..], &["cat", &format!("{disk}@2:/copy")]].concat(), 0)?.len()
        != told(&["cat", &format!("{plain}:/file-29")], 0)?.len()
    {
        return Err("the copy is another".into());
    }
    contains(&told(&["cat", &format!("{disk}@1:/copy")], 1)?, "no such file")
}

/// The header of a volume, as `cryptsetup` keeps it, where the volume has lost its own.
fn copied_header() -> Check {
    let scratch = plain("lost")?;
    convert(&scratch, "")?;
    let [key, plain, image, header] =
        ["key", "plain", "image", "header"].map(|name| text(&scratch.path(name)));
    run_ok("cryptsetup", &["luksHeaderBackup", &image, "--header-backup-file", &header])?;
    let opened = ["--header", &header, "--key-file", &key, "sum"];
    let wanted = told(&["sum", &format!("{plain}:/")], 0)?;
    let place = format!("{image}:/");
    for lost in [None, Some(600), Some(4096)] {
        if let Some(bytes) = lost {
            run_ok(
                "dd",
                &["if=/dev/zero", &format!("of={image}"), "bs=1", &format!("count={bytes}"), "conv=notrunc"],
            )?;
        }
        if told(&[&opened[..], &[&place]].concat(), 0)? != wanted {
            return Err(format!("without {lost:?} bytes, the files are other ones"));
        }
    }
    Ok(())
}

fn told_of() -> Check {
    let scratch = Scratch::new("long")?;
    let [key, image, said] = ["key", "image", "said"].map(|name| text(&scratch.path(name)));
    context(fs::write(&key, PASSPHRASE), "key")?;
    crate::empty(Path::new(&image), 20)?;
    let words = ["luksFormat", "-q", "--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations"];
    run_ok("cryptsetup", &[&words[..], &["30000000", "--key-file", &key, &image]].concat())?;
    let line = format!("{} --key-file '{key}' info '{image}'", text(interop::rump::binary()?));
    run_ok("script", &["-qec", &line, &said])?;
    let wanted = "deriving the key of +0 (pbkdf2, 30000000 iterations) ...";
    contains(&String::from_utf8_lossy(&context(fs::read(&said), "said")?), wanted)?;
    run_ok("script", &["-qec", &format!("{line} -q"), &said])?;
    for quiet in [
        String::from_utf8_lossy(&context(fs::read(&said), "said")?).into_owned(),
        told(&["--key-file", &key, "info", &image], 0)?,
    ] {
        if quiet.contains("deriving") {
            return Err(quiet);
        }
    }
    Ok(())
}
