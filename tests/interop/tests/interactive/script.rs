//! `rump sh` without a person.

use crate::{content, image, is_clean};
use interop::image::Scratch;
use interop::program::run_ok;
use interop::{Check, context, rump};
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

/// Exit status and output of a shell with these words.
fn sh(words: &[&str]) -> Check<(Option<i32>, String, String)> {
    let words: Vec<&str> = ["sh"].into_iter().chain(words.iter().copied()).collect();
    let finished = rump::run(&words, LIMIT)?;
    Ok((finished.status, String::from_utf8_lossy(&finished.stdout).into_owned(), finished.stderr))
}

fn is(what: &str, found: &(Option<i32>, String, String), status: i32, output: &str) -> Check {
    if found.0 == Some(status) && found.1 == output {
        return Ok(());
    }
    Err(format!("{what}: {found:?} instead of {status} and {output:?}"))
}

pub fn statuses() -> Check {
    let scratch = Scratch::new("statuses")?;
    let image = image("statuses", &scratch)?;
    let path = image.path().display().to_string();
    let at = format!("{path}:/etc");
    let cases: &[(&[&str], i32, &str)] = &[
        (&[&path, "-c", "pwd; cd etc; cat hostname; pwd; cd -; pwd"], 0, "/\nneedle\n/etc\n/\n"),
        (&[&at, "-c", "cat hostname; cat ../etc/./hostname"], 0, "needle\nneedle\n"),
        (&[&path, "-c", "cat /none; echo no"], 1, ""),
        (&[&path, "-k", "-c", "cat /none; echo $?; pwd"], 1, "1\n/\n"),
        (&[&path, "-c", "ls --no-such-flag; echo no"], 2, ""),
        (&[&path, "-c", "mkfs; echo no"], 2, ""),
        (&[&path, "-c", "echo 'a b' \"$?\" # c"], 0, "a b 0\n"),
        (&[&path, "-c", "exit 7; echo no"], 7, ""),
        (&[&path, "-c", "cat /none\nexit 0"], 1, ""),
        (&[&path, "-c", "diff etc/a.conf etc/b.conf; echo no"], 1, "1c1\n< a\n---\n> b\n"),
        (&[&path, "-c", "ls | wc"], 2, ""),
        (&["/nowhere.img", "-c", "pwd"], 3, ""),
        (&[&format!("{path}:/notes.txt"), "-c", "pwd"], 1, ""),
    ];
    for (words, status, output) in cases {
        is(&words.join(" "), &sh(words)?, *status, output)?;
    }
    let help = sh(&[&path, "-c", "help ls; help get; help"])?;
    if help.0 != Some(0) || !help.1.contains("Usage: rump ls") || !help.1.contains("\n  cd ") {
        return Err(format!("help: {help:?}"));
    }
    Ok(())
}

pub fn from_input() -> Check {
    let scratch = Scratch::new("input")?;
    let image = image("input", &scratch)?;
    let run = |flags: &[&str], text: &str| -> Check<(Option<i32>, String, String)> {
        let mut shell = Command::new(rump::binary()?);
        shell
            .arg("sh")
            .args(flags)
            .arg(image.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut shell = context(shell.spawn(), "rump")?;
        if let Some(mut input) = shell.stdin.take() {
            context(input.write_all(text.as_bytes()), "input")?;
        }
        let done = context(shell.wait_with_output(), "rump")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((done.status.code(), text(&done.stdout), text(&done.stderr)))
    };
    is("lines", &run(&[], "cd etc\n\n# nothing\ncat hostname")?, 0, "needle\n")?;
    is("failure", &run(&[], "cat none\ncat etc/hostname\n")?, 1, "")?;
    is("keep going", &run(&["-k"], "cat none\ncat etc/hostname\n")?, 1, "needle\n")?;
    is("nothing", &run(&[], "")?, 0, "")
}

pub fn round_trip() -> Check {
    let scratch = Scratch::new("trip")?;
    let image = image("trip", &scratch)?;
    let (tree, out) = (scratch.path("tree"), scratch.path("out"));
    let path = image.path().display().to_string();
    let commands = format!(
        "mkdir -p srv/x; cd srv; put -r '{0}' x/tree; lcd '{1}'; get -r x/tree out; ls x; rm -r x/tree/etc; sum /notes.txt",
        tree.display(),
        scratch.path("").display()
    );
    let done = sh(&["-w", &path, "-c", &commands])?;
    if done.0 != Some(0) || !done.1.starts_with("tree\n") {
        return Err(format!("{done:?}"));
    }
    run_ok("diff", &["-r".as_ref(), "--no-dereference".as_ref(), tree.as_os_str(), out.as_os_str()])?;
    is_clean(&image.path())?;
    let left = run_ok("debugfs", &["-R".as_ref(), "ls -p /srv/x/tree".as_ref(), image.path().as_os_str()])?;
    match left.contains("/notes.txt/") && !left.contains("/etc/") {
        true => Ok(()),
        false => Err(format!("left in the image: {left}")),
    }
}

pub fn patterns() -> Check {
    let scratch = Scratch::new("patterns")?;
    let image = image("patterns", &scratch)?;
    let path = image.path().display().to_string();
    for (commands, output) in [
        ("cat etc/*.conf", "a\nb\n"),
        ("cd etc; cat [b-z].conf a' 'n*; echo *.none '*.conf'", "b\nwith a space\n*.none *.conf\n"),
        ("cd etc; echo *.conf", "a.conf b.conf\n"),
        ("cd etc; find -name '*.conf'; find . -name a.conf", "/etc/a.conf\n/etc/b.conf\n/etc/./a.conf\n"),
    ] {
        is(commands, &sh(&[&path, "-c", commands])?, 0, output)?;
    }
    Ok(())
}

pub fn reading_only() -> Check {
    let scratch = Scratch::new("reading")?;
    let image = image("reading", &scratch)?;
    let before = context(std::fs::read(image.path()), "image")?;
    let path = image.path().display().to_string();
    for commands in
        ["touch x", "rm notes.txt", "mkdir y", "edit notes.txt", "put /etc/passwd", "mv notes.txt z"]
    {
        let done = sh(&[&path, "-c", commands])?;
        if done.0 != Some(1) || !done.2.contains("rump sh -w") {
            return Err(format!("{commands}: {done:?}"));
        }
    }
    match context(std::fs::read(image.path()), "image")? == before {
        true => Ok(()),
        false => Err("the image was changed".into()),
    }
}

pub fn terminated() -> Check {
    let scratch = Scratch::new("terminated")?;
    let image = image("terminated", &scratch)?;
    let mut shell = Command::new(rump::binary()?);
    shell
        .args(["sh", "-w"])
        .arg(image.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut shell = context(shell.spawn(), "rump")?;
    let mut input = shell.stdin.take().ok_or("no input")?;
    let mut output = shell.stdout.take().ok_or("no output")?;
    context(input.write_all(b"mkdir made; echo now\n"), "input")?;
    let mut told = [0; 4];
    context(output.read_exact(&mut told), "output")?;
    let pid = i32::try_from(shell.id()).ok().and_then(rustix::process::Pid::from_raw).ok_or("no process")?;
    context(rustix::process::kill_process(pid, rustix::process::Signal::TERM), "kill")?;
    let deadline = Instant::now() + Duration::from_secs(10);
    let status = loop {
        match context(shell.try_wait(), "wait")? {
            Some(status) => break status.code(),
            None if Instant::now() > deadline => {
                let _ = shell.kill();
                return Err("it did not end".into());
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    if status != Some(143) {
        return Err(format!("exit status {status:?}"));
    }
    is_clean(&image.path())?;
    let there = run_ok("debugfs", &["-R".as_ref(), "stat /made".as_ref(), image.path().as_os_str()])?;
    if !there.contains("Type: directory") {
        return Err(format!("what was made before is not there: {there}"));
    }
    content(&image.path(), "/etc/hostname").map(drop)
}
