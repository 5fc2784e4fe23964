//! Tools that no host has under one name: copies, moves, commands and writing, beside cp, mv, the commands and a shell.

use crate::disk::{Disk, PATIENCE, comparable, ensure, text};
use crate::stage::{command, pairs, run, sorted, tool, write};
use interop::image::{Image, Scratch};
use interop::mount::Mounted;
use interop::program::{Finished, run_ok, run_within};
use interop::{Check, context};
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

/// Regular expressions, and what xargs would take apart.
pub fn expressions() -> Check {
    let scratch = Scratch::new("names")?;
    let root = scratch.path("root");
    for name in
        ["a b", "c'd", "q\"x", "back\\slash", "one two/inner", "text", "program", "prooogram", "plus+"]
    {
        let path = root.join(name);
        context(fs::create_dir_all(path.parent().unwrap_or(&root)), name)?;
        write(&path, name)?;
    }
    let lines = [
        ("@/ -regextype posix-basic -regex .*/[a-p]*", "@/ -regex .*/[a-p]*"),
        ("@/ -regextype posix-basic -regex .*pro\\{2,\\}gram", "@/ -regex .*pro\\{2,\\}gram"),
        ("@/ -regextype posix-basic -regex .*s+", "@/ -regex .*s+"),
        ("@/ -regextype posix-extended -regex .*/(text|pr(o+)gram)", "-E @/ -regex .*/(text|pr(o+)gram)"),
        ("@/ -regextype posix-extended -iregex .*/TEX.", "-E @/ -iregex .*/TEX."),
        (
            "@/ -mindepth 1 -regextype posix-extended ! -regex .*/[^/]*[^a-z/][^/]*",
            "-E @/ -mindepth 1 ! -regex .*/[^/]*[^a-z/][^/]*",
        ),
        ("@/ ! -path *[~'\"\\\\]*", "-X @/"),
        ("@/ ! -path *[~'\"\\\\]* -type f", "-X @/ -type f"),
    ];
    pairs("fsu_find", "find", &Image::make("names", 8, &["-t", "ext4"], Some(&root))?, &lines, &sorted)
}

/// All that a file system tells of itself, beside what stat(1) says of its mount.
pub fn space() -> Check {
    let image = Image::make("space", 16, &["-t", "ext4"], None)?;
    let mounted = Mounted::read_only(&image.path())?;
    let theirs =
        run_ok("stat", &["-f".as_ref(), "-c%s %b %f %a %c %d %l".as_ref(), mounted.path().as_os_str()])?;
    let ours = run("fsu_df", &[text(&image.path())?, "-G"])?;
    let numbers =
        |text: &str| text.split_whitespace().filter_map(|word| word.parse::<u64>().ok()).collect::<Vec<_>>();
    let (theirs, ours) = (numbers(&theirs), numbers(&String::from_utf8_lossy(&ours.stdout)));
    ensure(theirs == ours && ours.len() == 7, || format!("{theirs:?} / {ours:?}"))
}

fn both(theirs: &mut Command, ours: &mut Command) -> Check {
    let (theirs, ours) = (run_within(theirs, PATIENCE)?, run_within(ours, PATIENCE)?);
    let same = |one: &Finished, other: &Finished| (one.status, &one.stdout) == (other.status, &other.stdout);
    ensure(same(&theirs, &ours), || format!("{}\n{}", theirs.verdict(), ours.verdict()))
}

/// A tree of the host, the same each time.
fn tree(at: &Path) -> Check {
    context(fs::create_dir_all(at.join("deep/er")), "tree")?;
    write(&at.join("deep/er/file"), "one two\n")?;
    write(&at.join("top"), "top\n")?;
    context(std::os::unix::fs::symlink("top", at.join("link")), "link")?;
    run_ok("chmod", &["640", text(&at.join("top"))?])?;
    let named = ["deep/er/file", "deep/er", "deep", "top", "link", "."].map(|name| at.join(name));
    named.iter().try_for_each(|path| run_ok("touch", &["-h", "-d", "@1600000000.5", text(path)?]).map(drop))
}

pub fn copies() -> Check {
    let (ours, host) = (Disk::make("beside", 24, 0, "", &["-t", "ext4"])?, Scratch::new("host")?);
    let theirs = ours.copy()?;
    let mounted = theirs.mount("rw")?;
    let (there, place) = (|name: &str| mounted.path().join(name), ours.place());
    let [one, moved, again] = ["one", "moved", "again"].map(|name| host.path(name));
    [&one, &moved, &again].into_iter().try_for_each(|at| tree(at))?;
    let step = |program: &str, words: &[&Path], name: &str, line: &[&str]| {
        let mut ours = command(&tool(name)?);
        both(command(Path::new(program)).args(words), ours.arg(&place).args(line))
    };
    let (a, flags) = (text(&one)?, Path::new("-pR"));
    step("cp", &[flags, &one, &there("put")], "fsu_put", &["-pR", a, "/put"])?;
    step("cp", &[flags, &one, &there("ecp")], "fsu_ecp", &["-pR", a, "/ecp"])?;
    step(
        "cp",
        &[Path::new("-p"), &one.join("top"), &there("put/deep")],
        "fsu_put",
        &[text(&one.join("top"))?, "/put/deep"],
    )?;
    step("mv", &[&moved, &there("emv")], "fsu_emv", &["-p", text(&again)?, "/emv"])?;
    ensure(!moved.exists() && !again.exists(), || "what was moved is still there".into())?;
    let (file, script) = (there("put/deep/er/file"), Path::new("s/two/three/"));
    let words = ["sed", "-i", "s/two/three/", "/put/deep/er/file"];
    step("sed", &[Path::new("-i"), script, &file], "fsu_exec", &words)?;
    for (pattern, name) in [("three", "file"), ("four", "nothing found")] {
        step("grep", &[Path::new(pattern), &file], "fsu_exec", &["grep", pattern, "/put/deep/er/file"])
            .map_err(|why| format!("{name}: {why}"))?;
    }
    for (shell, flag, input) in [
        ("cat > \"$0\"", None, "a longer text\n"),
        ("cat > \"$0\"", None, "short\n"),
        ("cat >> \"$0\"", Some("-a"), "more\n"),
    ] {
        let from = host.path("input");
        write(&from, input)?;
        let open = || context(File::open(&from), "input");
        let mut theirs = command(Path::new("sh"));
        theirs.args(["-c", shell]).arg(there("written")).stdin(open()?);
        let mut ours = command(&tool("fsu_write")?);
        both(&mut theirs, ours.arg(&place).args(flag).arg("/written").stdin(open()?))?;
    }
    let (got, taken) = (host.path("got"), host.path("taken"));
    step("cp", &[flags, &there("emv"), &host.path("theirs")], "fsu_get", &["-R", "emv", text(&got)?])?;
    step("cp", &[flags, &there("ecp"), &host.path("other")], "fsu_emv", &["-g", "ecp", text(&taken)?])?;
    run_ok("rm", &["-r", text(&there("ecp"))?])?;
    interop::tree::compare(&comparable(&host.path("theirs"))?, &comparable(&got)?)?;
    interop::tree::compare(&comparable(&host.path("other"))?, &comparable(&taken)?)?;
    let seen = comparable(mounted.path())?;
    mounted.unmount()?;
    ours.is_clean()?;
    interop::tree::compare(&seen, &ours.view()?)
}
