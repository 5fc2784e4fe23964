//! How an image is named: first, in the environment, by an alias; and what is said where that goes wrong.

use crate::disk::{Disk, PATIENCE, ensure, text};
use crate::stage::{command, run, tool, write};
use interop::image::Scratch;
use interop::program::{Finished, run_ok, run_within};
use interop::{Check, context, rump};
use std::path::Path;

fn disk() -> Check<Disk> {
    let disk = Disk::make("names", 8, 0, "", &["-t", "ext2"])?;
    says(&run("fsu_mkdir", &[&disk.place(), "dir"])?, 0, "", "")?;
    Ok(disk)
}

fn says(finished: &Finished, status: i32, output: &str, error: &str) -> Check {
    let seen = String::from_utf8_lossy(&finished.stdout).into_owned();
    let holds = finished.status == Some(status) && seen == output && finished.stderr.contains(error);
    ensure(holds, || format!("{output:?} or {error:?} was to come, not {seen:?}: {}", finished.verdict()))
}

fn run_with(variables: &[(&str, &str)], name: &str, arguments: &[&str]) -> Check<Finished> {
    let mut command = command(&tool(name)?);
    command.envs(variables.iter().copied());
    run_within(command.args(arguments), PATIENCE)
}

pub fn environment() -> Check {
    let disk = disk()?;
    let place = disk.place();
    let device = [("FSU_DEVICE", &*place)];
    says(&run_with(&device, "fsu_ls", &[])?, 0, "dir\nlost+found\n", "")?;
    says(&run_with(&device, "fsu_ls", &["-d", "dir"])?, 0, "/dir\n", "")?;
    says(&run_with(&device, "fsu_ls", &["--", "-d", "/"])?, 0, "/\n", "")?;
    let types = |name| [("FSU_DEVICE", &*place), ("FSU_TYPE", name)];
    says(&run_with(&types("ext2fs"), "fsu_ls", &["-d"])?, 0, "/\n", "")?;
    says(&run_with(&types("msdos"), "fsu_ls", &[])?, 3, "", "is ext2, not msdos")?;
    says(&run_with(&types("msdos"), "fsu_ls", &["-t", "ext2", "--", "-d"])?, 0, "/\n", "")?;
    let read_only = [("FSU_DEVICE", &*place), ("FSU_MNTOPTS", "ro")];
    says(&run_with(&read_only, "fsu_rmdir", &["dir"])?, 2, "", "reading only")?;
    says(&run_with(&read_only, "fsu_rmdir", &["-o", "rw", "dir"])?, 0, "", "")
}

pub fn aliases() -> Check {
    let (disk, home) = (disk()?, Scratch::new("home")?);
    let table = home.path(".fsurc");
    let folder = table.parent().unwrap_or(Path::new("/"));
    context(std::fs::copy(disk.path(), home.path("of-user.img")), "image")?;
    let lines = format!(
        "# images\nd:{}:ext2fs\nu:~/of-user.img:msdos # mine\nr:{}:ext2fs:ro\n",
        disk.place(),
        disk.place()
    );
    write(&table, &lines)?;
    let home = [("HOME", text(folder)?)];
    says(&run_with(&home, "fsu_ls", &["d"])?, 0, "dir\nlost+found\n", "")?;
    says(&run_with(&home, "fsu_ls", &["u"])?, 3, "", "is ext2, not msdos")?;
    says(&run_with(&home, "fsu_ls", &["-t", "ext2", "u", "-d"])?, 0, "/\n", "")?;
    says(&run_with(&home, "fsu_mkdir", &["r", "x"])?, 2, "", "reading only")?;
    says(&run_with(&home, "fsu_ls", &["-f", "d"])?, 3, "", "no such file")?;
    says(&run_with(&[("HOME", home[0].1), ("FSU_DEVICE", "d")], "fsu_ls", &["-d"])?, 0, "/\n", "")
}

pub fn partitions() -> Check {
    let disk = Disk::make("parts", 8, 1, "@1", &["-t", "ext4"])?;
    let table = disk.scratch.path("table");
    write(&table, "start=2048, size=16384, type=83\n")?;
    let script =
        format!("sfdisk -q --no-reread --no-tell-kernel {} < {}", text(&disk.path())?, text(&table)?);
    run_ok("sh", &["-c", &script])?;
    says(&run("fsu_mkdir", &[&disk.place(), "-p", "a/b"])?, 0, "", "")?;
    says(&run("fsu_ls", &[&disk.place(), "a"])?, 0, "b\n", "")?;
    let offset = format!("{}+1M", text(&disk.path())?);
    says(&run("fsu_ls", &["-v", &offset, "-R", "a"])?, 0, "/a:\nb\n\n/a/b:\n", "ext4")?;
    disk.is_clean()
}

pub fn mistakes() -> Check {
    let disk = disk()?;
    let place = disk.place();
    says(&run("fsu_nothing", &[&place])?, 2, "", "there is no fsu_nothing")?;
    says(&run("fsu_ls", &[])?, 2, "", "the image is missing")?;
    says(&run("fsu_ls", &["-l", &place])?, 2, "", "flags come after the image")?;
    says(&run("fsu_ls", &["/nonexistent/image"])?, 3, "", "/nonexistent/image: no such file")?;
    says(&run("fsu_cat", &[&place])?, 2, "", "an argument is missing")?;
    says(&run("fsu_touch", &[&place, "-t"])?, 2, "", "-t needs a value")?;
    says(&run("fsu_ls", &[&place, "--nonsense"])?, 2, "", "Usage: fsu_ls [-o OPTIONS]")?;
    says(&run("fsu_ls", &[&place, "nowhere"])?, 1, "", "fsu_ls: ")?;
    let help = run("fsu_rm", &["--help"])?;
    let shown = String::from_utf8_lossy(&help.stdout).into_owned();
    ensure(help.status == Some(0) && shown.contains("Usage: fsu_rm [-o OPTIONS]"), || shown.clone())?;
    ensure(rump::binary()?.exists(), || "the command is gone".into())
}
