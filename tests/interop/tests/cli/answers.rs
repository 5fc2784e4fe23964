//! What the commands print.

use crate::stage::{address, ensure, image_filled, run_to, text};
use interop::image::{Image, Scratch};
use interop::mount::Mounted;
use interop::program::run_ok;
use interop::{Check, context, rump, source};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

fn image() -> Check<Image> {
    image_filled("answers", 192, |root| source::fill(root, 60))
}

fn records(arguments: &[&str]) -> Check<Vec<Value>> {
    let finished = run_to(0, arguments)?;
    match context(serde_json::from_slice(&finished.stdout), arguments.join(" "))? {
        Value::Array(records) => Ok(records),
        other => Err(format!("{}: not an array: {other}", arguments.join(" "))),
    }
}

pub fn du_and_df() -> Check {
    let image = image()?;
    let mounted = Mounted::read_only(&image.path())?;
    let theirs = run_ok("du", &["-B1".as_ref(), mounted.path().as_os_str()])?;
    let root = text(mounted.path())?;
    let mut expected = BTreeMap::new();
    for line in theirs.lines() {
        let (bytes, path) = line.split_once('\t').ok_or("du: odd line")?;
        let path = format!("/{}", path.strip_prefix(root).unwrap_or(path).trim_start_matches('/'));
        expected.insert(path, context(bytes.parse::<u64>(), "du")?);
    }
    let mut found = BTreeMap::new();
    for record in records(&["du", "--json", &address(&image, "/")])? {
        let path = record["path"].as_str().ok_or("du: no path")?.to_string();
        found.insert(path, record["bytes"].as_u64().ok_or("du: no bytes")?);
    }
    // A hard link counts where it is met first, which is a matter of order.
    ensure(expected == found, || format!("du: {expected:?}\n{found:?}"))?;
    let columns = "--output=size,used,avail,itotal,iavail";
    let theirs = run_ok("df", &["-B1".as_ref(), columns.as_ref(), mounted.path().as_os_str()])?;
    let theirs: Vec<u64> =
        theirs.lines().skip(1).flat_map(str::split_whitespace).flat_map(str::parse).collect();
    let rows = records(&["df", "--json", text(&image.path())?])?;
    let row = rows.first().ok_or("df: no record")?;
    let number = |key: &str| row[key].as_u64().ok_or_else(|| format!("df: no {key}"));
    let ours = ["size", "used", "available", "inodes", "inodes_free"].map(number);
    let ours: Vec<u64> = ours.into_iter().collect::<Result<_, _>>()?;
    ensure(theirs == ours, || format!("df: {theirs:?} / {ours:?}"))
}

pub fn json() -> Check {
    let image = image()?;
    let root = address(&image, "/");
    let found = records(&["find", "--json", &root])?;
    let mut drawn = records(&["tree", "--json", &root])?;
    for record in &mut drawn {
        let depth = record.as_object_mut().and_then(|fields| fields.remove("depth"));
        let path = record["path"].as_str().ok_or("tree: no path")?;
        let slashes = if path == "/" { 0 } else { path.matches('/').count() as u64 };
        ensure(depth.as_ref().and_then(Value::as_u64) == Some(slashes), || format!("{path}: {depth:?}"))?;
    }
    // The root has no name, which find, as it must match one, calls a slash.
    let rest = |records: &[Value]| records.iter().skip(1).cloned().collect::<Vec<_>>();
    ensure(rest(&found) == rest(&drawn) && found.len() > 100, || "find and tree do not agree".into())?;
    let path = "/sizes/4097";
    let one = records(&["stat", "--json", &address(&image, path)])?;
    let same = found.iter().find(|record| record["path"] == path);
    ensure(one.first() == same, || format!("stat and find: {one:?} / {same:?}"))?;
    for command in ["ls", "find", "tree", "du", "sum", "stat", "df"] {
        let array = records(&[command, "--json", &root])?;
        let lines = run_to(0, &[command, "--jsonl", &root])?;
        let lines: Result<Vec<Value>, _> =
            String::from_utf8_lossy(&lines.stdout).lines().map(serde_json::from_str).collect();
        ensure(context(lines, command)? == array, || format!("{command}: --json and --jsonl differ"))?;
    }
    let info = run_to(0, &["info", "--json", text(&image.path())?])?;
    let info: Value = context(serde_json::from_slice(&info.stdout), "info")?;
    ensure(info["filesystems"][0]["type"] == "ext4", || info.to_string())
}

pub fn progress() -> Check {
    let image = image_filled("progress", 16, |root| {
        let file = context(fs::File::create(root.join("hole")), "hole")?;
        context(file.set_len(512 << 20), "hole")
    })?;
    let scratch = Scratch::new("progress")?;
    let (binary, root) = (rump::binary()?, address(&image, "/"));
    let on_terminal = |words: &str| {
        let command = format!("'{}' {words} '{root}' >/dev/null", binary.display());
        run_ok("script", &["-qec", &command, text(&scratch.path("typescript"))?])
    };
    let shown = on_terminal("sum")?;
    ensure(shown.contains("files, ") && shown.contains("/s  /hole"), || format!("no progress: {shown:?}"))?;
    let shown = on_terminal("sum -q")?;
    ensure(shown.trim().is_empty(), || format!("not quiet: {shown:?}"))?;
    for arguments in [vec!["sum", &root], vec!["cp", "-a", &root, text(&scratch.path("out"))?]] {
        let finished = run_to(0, &arguments)?;
        ensure(finished.stderr.is_empty(), || finished.verdict())?;
    }
    Ok(())
}

pub fn closed_pipe() -> Check {
    let image = image_filled("pipe", 96, |root| {
        context(fs::write(root.join("large"), source::pattern(1, 4 << 20)), "large")?;
        (0..5000).try_for_each(|number| context(fs::write(root.join(format!("{number:0200}")), ""), "file"))
    })?;
    for command in ["ls -l", "find", "tree", "find --json", "sum", "du -a", "cat"] {
        let path = if command == "cat" { "/large" } else { "/" };
        let script = format!("\"$0\" {command} \"$1\" | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}");
        let place = address(&image, path);
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", &script]).arg(rump::binary()?).arg(&place);
        let finished = interop::program::run_within(&mut bash, crate::stage::PATIENCE)?;
        let is_quiet = finished.status == Some(0) && finished.stderr.is_empty();
        ensure(is_quiet, || format!("{command}: {}", finished.verdict()))?;
    }
    Ok(())
}

pub fn odd_names() -> Check {
    use std::os::unix::ffi::OsStrExt;
    let names: [&[u8]; 4] = [b"\x1b[2Jclear", b"two\nlines", b"\xff\xfe", b"\x07bell"];
    let image = image_filled("odd", 8, |root| {
        names.iter().try_for_each(|name| {
            context(fs::write(root.join(std::ffi::OsStr::from_bytes(name)), "x"), "odd name")
        })
    })?;
    let root = address(&image, "/");
    for command in
        [&["ls"][..], &["ls", "-l"], &["tree"], &["du", "-a"], &["find", "--json"], &["ls", "--json"]]
    {
        let mut arguments = command.to_vec();
        arguments.push(&root);
        let finished = run_to(0, &arguments)?;
        let is_safe = finished.stdout.iter().all(|&byte| byte == b'\n' || byte == b'\t' || byte >= b' ');
        ensure(is_safe && std::str::from_utf8(&finished.stdout).is_ok(), || {
            format!("{command:?} is not safe")
        })?;
    }
    let exact = run_to(0, &["find", "-print0", &root])?.stdout;
    let found: Vec<&[u8]> =
        exact.split(|&byte| byte == 0).filter_map(|path| path.strip_prefix(b"/")).collect();
    ensure(names.iter().all(|name| found.contains(name)), || format!("find -print0: {found:?}"))?;
    let missing = run_to(1, &["ls", &format!("{root}\x1b[2J")])?;
    ensure(!missing.stderr.contains('\x1b'), || "an escape sequence reached standard error".into())
}

/// The commands that the help of a command lists.
fn commands_of(command: &[&str]) -> Check<Vec<String>> {
    let help = run_to(0, &[command, &["--help"]].concat())?.stdout;
    let help = String::from_utf8_lossy(&help);
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.split_whitespace().next().map(str::to_owned));
    Ok(names.filter(|name| name != "help").collect())
}

pub fn manual() -> Check {
    let scratch = Scratch::new("manual")?;
    let share = scratch.path("share");
    run_to(0, &["generate", text(&share)?])?;
    let pages = context(fs::read_dir(share.join("man/man1")), "man1")?;
    let (mut count, mut tools) = (0, 0);
    for page in pages {
        let page = context(page, "man1")?.path();
        let script = "groff -man -Tutf8 -ww \"$0\" 2>&1 >/dev/null";
        let complaints = run_ok("sh", &["-c".as_ref(), script.as_ref(), page.as_os_str()])?;
        ensure(complaints.trim().is_empty(), || format!("{}: {complaints}", page.display()))?;
        if interop::program::lacks(&["mandoc"]).is_none() {
            run_ok("mandoc", &["-Tlint".as_ref(), "-Wwarning".as_ref(), page.as_os_str()])?;
        }
        let is_tool = page.file_name().is_some_and(|name| name.to_string_lossy().starts_with("fsu_"));
        *(if is_tool { &mut tools } else { &mut count }) += 1;
    }
    ensure(tools > 20, || format!("{tools} pages of tools"))?;
    let commands = commands_of(&[])?;
    ensure(commands.len() > 20, || format!("{} commands", commands.len()))?;
    let mut expected = 1 + commands.len();
    for command in &commands {
        expected += commands_of(&[command])?.len();
    }
    ensure(count == expected, || format!("{count} pages instead of {expected}"))?;
    for (shell, script) in [
        ("bash", "bash-completion/completions/rump"),
        ("zsh", "zsh/site-functions/_rump"),
        ("fish", "fish/vendor_completions.d/rump.fish"),
        ("bash", "bash-completion/completions/fsu_ls"),
        ("zsh", "zsh/site-functions/_fsu_ls"),
        ("fish", "fish/vendor_completions.d/fsu_ls.fish"),
    ] {
        let path = share.join(script);
        ensure(path.is_file(), || format!("{} is missing", path.display()))?;
        if interop::program::lacks(&[shell]).is_none() {
            run_ok(shell, &["-n".as_ref(), path.as_os_str()])?;
        }
    }
    Ok(())
}
