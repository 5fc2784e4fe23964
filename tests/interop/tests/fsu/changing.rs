//! Tools that change an image, beside the host's on another copy of it.

use crate::stage::{Step, changes};
use interop::Check;

const STEPS: &[Step<'_>] = &[
    ("fsu_mkdir", "mkdir", "@/a @/b"),
    ("fsu_mkdir", "mkdir", "-p @/a/x/y/z"),
    ("fsu_mkdir", "mkdir", "-m 700 @/secret"),
    ("fsu_mkdir", "mkdir", "@/a"),
    ("fsu_rmdir", "rmdir", "@/a"),
    ("fsu_rmdir", "rmdir", "-p @/nowhere/x"),
    ("fsu_touch", "touch", "-t 202001020304.05 @/a/file"),
    ("fsu_touch", "touch", "-c @/a/nothing"),
    ("fsu_touch", "touch", "-t 7001010000 @/b/old @/b/older"),
    ("fsu_touch", "touch", "-a -t 9901010000 @/b/old"),
    ("fsu_touch", "touch", "-m -r @/a/file @/b/older"),
    ("fsu_ln", "ln", "@/a/file @/b/hard"),
    ("fsu_ln", "ln", "-s ../a/file @/b/soft"),
    ("fsu_ln", "ln", "-s ../a/file @/b/soft"),
    ("fsu_ln", "ln", "-sf nowhere @/b/soft"),
    ("fsu_ln", "ln", "-s a @/to-a"),
    ("fsu_ln", "ln", "-sfn b @/to-a"),
    ("fsu_touch", "touch", "-h -t 200001010000 @/to-a"),
    ("fsu_mkfifo", "mkfifo", "-m 600 @/a/fifo"),
    ("fsu_mkfifo", "mkfifo", "@/a/fifo"),
    ("fsu_mknod", "mknod", "-m 640 @/a/null c 1 3"),
    ("fsu_mknod", "mknod", "@/a/block b 7 0x10"),
    ("fsu_mknod", "mknod", "@/a/pipe p"),
    ("fsu_chmod", "chmod", "751 @/a/file"),
    ("fsu_chmod", "chmod", "-x @/b"),
    ("fsu_chmod", "chmod", "-R u=rwX,go=rX @/a"),
    ("fsu_chmod", "chmod", "-f 600 @/nowhere"),
    ("fsu_chown", "chown", "1000:100 @/a/file"),
    ("fsu_chown", "chown", "-R 7:8 @/b"),
    ("fsu_chown", "chown", "-h 9 @/to-a"),
    ("fsu_chgrp", "chgrp", "42 @/a/pipe"),
    ("fsu_cp", "cp", "-pR @/a @/copy"),
    ("fsu_cp", "cp", "-p @/a/file @/b"),
    ("fsu_cp", "cp", "-pR @/a @/b @/secret"),
    ("fsu_mv", "mv", "@/copy/x @/moved"),
    ("fsu_mv", "mv", "@/copy/pipe @/copy/fifo @/moved"),
    ("fsu_mv", "mv", "@/nowhere @/moved"),
    ("fsu_rm", "rm", "@/a/null"),
    ("fsu_rm", "rm", "@/secret"),
    ("fsu_rm", "rm", "-d @/moved/y/z"),
    ("fsu_rm", "rm", "-rf @/secret @/nowhere"),
    ("fsu_rmdir", "rmdir", "@/moved/y"),
];

pub fn whole() -> Check {
    changes("", 0, STEPS)
}

pub fn at_an_offset() -> Check {
    changes("+1M", 1, STEPS)
}

/// Flags of files, by names of BSD: what chattr(1) of the host sees of them.
pub fn flags() -> Check {
    let disk = crate::disk::Disk::make("flags", 16, 0, "", &["-t", "ext4"])?;
    let place = disk.place();
    let run = |name: &str, arguments: &[&str], status: i32| {
        let finished = crate::stage::run(name, arguments)?;
        crate::disk::ensure(finished.status == Some(status), || {
            format!("{name} {arguments:?}: {}", finished.verdict())
        })
    };
    run("fsu_touch", &[&place, "file"], 0)?;
    run("fsu_chflags", &[&place, "schg,nodump", "file"], 0)?;
    run("fsu_rm", &[&place, "-f", "file"], 1)?;
    let seen = || {
        let mounted = disk.mount("ro")?;
        let file = mounted.path().join("file");
        let listed = interop::program::run_ok("lsattr", &[&file])?;
        Ok::<_, String>(listed.split_whitespace().next().unwrap_or_default().replace('-', ""))
    };
    crate::disk::ensure(seen()? == "ide", || "flags that were set".into())?;
    run("fsu_chflags", &[&place, "-R", "noschg", "/"], 0)?;
    crate::disk::ensure(seen()? == "de", || "flags that were taken away".into())?;
    run("fsu_rm", &[&place, "file"], 0)?;
    disk.is_clean()
}

/// What no tool of the host deletes in the same way: conditions that remove.
pub fn deleted() -> Check {
    let steps: &[Step<'_>] = &[
        ("fsu_mkdir", "mkdir", "-p @/a/b/c @/d"),
        ("fsu_touch", "touch", "-t 202001020304 @/a/one @/a/b/two @/d/three"),
        ("fsu_find", "find", "@/a -name one -delete"),
        ("fsu_find", "find", "@/a -depth -name b -delete"),
        ("fsu_find", "find", "@/a/b -delete"),
    ];
    changes("", 0, steps)
}

/// Numbers of devices as other systems pack them, each in a manifest that libarchive reads, and made here.
pub fn packed_numbers() -> Check {
    const NUMBERS: [&str; 7] = ["7,8", "7,255", "7,256", "7,70000", "255,8", "4000,8", "7,8,9"];
    const FORMATS: [&str; 16] = [
        "native", "386bsd", "4bsd", "bsdos", "freebsd", "hpux", "isc", "linux", "netbsd", "osf1", "sco",
        "solaris", "sunos", "svr3", "svr4", "ultrix",
    ];
    let disk = crate::disk::Disk::make("packed", 16, 0, "", &["-t", "ext4"])?;
    let scratch = interop::image::Scratch::new("packed")?;
    let manifest = scratch.path("manifest");
    let all = FORMATS
        .iter()
        .flat_map(|format| NUMBERS.map(|numbers| (format!("{format},{numbers}"), *format, numbers)));
    let mut made = Vec::new();
    for (name, format, numbers) in all.chain([("0x1234567".into(), "native", "0x1234567")]) {
        let text = format!("#mtree\n{name} type=char device={name}\n");
        interop::context(std::fs::write(&manifest, text), "the manifest")?;
        let mut lists = std::process::Command::new("bsdtar");
        let told = interop::program::run_within(lists.arg("-tvf").arg(&manifest), crate::disk::PATIENCE)?;
        let place = disk.place();
        let mut arguments = vec![&*place, "-F", format, &*name, "c"];
        arguments.extend(numbers.split(','));
        let status = crate::stage::run("fsu_mknod", &arguments)?.status;
        // Of Linux it knows numbers of eight bits; these have twelve, and twenty.
        let is_known =
            told.status == Some(0) || format == "linux" && matches!(numbers, "7,256" | "7,70000" | "4000,8");
        crate::disk::ensure(status == Some(if is_known { 0 } else { 2 }), || format!("{name}: {status:?}"))?;
        if told.status == Some(0) {
            let listed = String::from_utf8_lossy(&told.stdout).into_owned();
            let numbers = listed.split_whitespace().nth(4).ok_or("a line of bsdtar")?.to_string();
            made.push((name, numbers));
        }
    }
    let mounted = disk.mount("ro")?;
    for (name, numbers) in &made {
        let path = mounted.path().join(name);
        let seen = interop::program::run_ok("stat", &["-c", "%Hr,%Lr", &path.to_string_lossy()])?;
        crate::disk::ensure(seen.trim() == numbers, || format!("{name}: {numbers} at libarchive, {seen}"))?;
    }
    crate::disk::ensure(made.len() > 60, || format!("{} devices", made.len()))?;
    drop(mounted);
    disk.is_clean()
}
