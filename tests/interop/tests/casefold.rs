//! Directories which ignore case: e2fsck, as it rebuilds them, calls two names the same if and only if we find one
//! by the other.
#![forbid(unsafe_code)]

use interop::image::{Image, Scratch};
use interop::program::{lacks, run_ok, run_within};
use interop::suite::Suite;
use interop::tree::Contents;
use interop::{Check, context, rump};
use std::fs;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Extents, and names without case.
const FLAGS: &str = "0x40080000";

const PAIRS: &[(&str, &str)] = &[
    ("Hello", "hELLO"),
    ("Hello", "Hallo"),
    ("Stra\u{df}e", "STRASSE"),
    ("\u{df}", "s"),
    ("caf\u{e9}", "CAFE\u{301}"),
    ("cafe", "caf\u{e9}"),
    ("\u{3a3}\u{399}\u{3a3}", "\u{3c3}\u{3b9}\u{3c2}"),
    ("\u{41c}\u{418}\u{420}", "\u{43c}\u{438}\u{440}"),
    ("\u{fb01}le", "FILE"),
    ("soft", "so\u{ad}ft"),
    ("join", "jo\u{200d}in"),
    ("\u{212a}", "k"),
    ("\u{131}", "i"),
    ("\u{130}", "i\u{307}"),
    ("\u{1fb3}", "\u{391}\u{399}"),
    ("\u{ac00}", "\u{1100}\u{1161}"),
    ("\u{13a0}", "\u{ab70}"),
    ("\u{10400}", "\u{10428}"),
    ("\u{bd}", "1\u{2044}2"),
    ("a\u{323}\u{307}", "A\u{307}\u{323}"),
];

fn main() {
    let lacking = lacks(&["mke2fs", "debugfs", "e2fsck"]);
    let mut suite = Suite::default();
    suite.add("names_are_the_same_to_e2fsck_and_to_us", lacking, same_names);
    suite.run();
}

/// Directories `0`, `1` and so on with the names that `choose` takes of each pair, all ignoring case.
fn make(choose: fn(&(&'static str, &'static str)) -> Vec<&'static str>) -> Check<Image> {
    let scratch = Scratch::new("casefold")?;
    let root = scratch.path("tree");
    let mut commands = String::new();
    for (number, pair) in PAIRS.iter().enumerate() {
        let folder = root.join(number.to_string());
        context(fs::create_dir_all(&folder), "source")?;
        for name in choose(pair) {
            context(fs::write(folder.join(name), name), "source")?;
        }
        commands.push_str(&format!("sif /{number} flags {FLAGS}\n"));
    }
    let image = Image::make("casefold", 16, &["-t", "ext4", "-E", "encoding=utf8"], Some(&root))?;
    let script = scratch.path("commands");
    context(fs::write(&script, commands), "commands")?;
    let (script, path) = (script.to_string_lossy(), image.path());
    run_ok("debugfs", &["-w", "-f", &script, &path.to_string_lossy()])?;
    Ok(image)
}

fn same_names() -> Check {
    let both = make(|(one, other)| vec![*one, *other])?;
    let listed = rump::view(&both.path().to_string_lossy(), Contents::Skipped)?;
    for (number, (one, other)) in PAIRS.iter().enumerate() {
        for name in [one, other] {
            let path = format!("/{number}/{name}");
            listed.get(&path).ok_or_else(|| format!("{path} is not listed"))?;
        }
    }
    let checked = run_within(Command::new("e2fsck").arg("-fyD").arg(both.path()), LIMIT)?;
    let verdict = String::from_utf8_lossy(&checked.stdout).into_owned();
    let first = make(|(one, _)| vec![*one])?;
    let place = first.path().to_string_lossy().into_owned();
    let (mut same, mut wrong) = (0, Vec::new());
    for (number, (one, other)) in PAIRS.iter().enumerate() {
        let expected = verdict
            .lines()
            .any(|line| line.contains("non-unique filename") && line.contains(&format!(" /{number} (")));
        let found = rump::run(&["cat", &format!("{place}:/{number}/{other}")], LIMIT)?;
        let found = found.status == Some(0) && found.stdout == one.as_bytes();
        same += usize::from(expected);
        if found != expected {
            wrong.push(format!("{one} {other}: e2fsck {expected}, we {found}"));
        }
    }
    if wrong.is_empty() && same > 0 { Ok(()) } else { Err(format!("{}\n{verdict}", wrong.join("\n"))) }
}
