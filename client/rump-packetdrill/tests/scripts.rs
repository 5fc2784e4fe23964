//! Every script of the network's, and that none of them passes by itself: each expected packet, each answer of a call and
//! each time is altered, and the script must fail then.
#![forbid(unsafe_code)]

use libtest_mimic::{Arguments, Failed, Trial};
use rump_packetdrill::script::{Action, Body, Direction, Expression, Script, When, flag};
use rump_packetdrill::{Report, Settings, Verdict, parse, run};
use std::path::{Path, PathBuf};
use std::time::Duration;

const STATUS: &str = "../../docs/status.md";
const FOLDER: &str = "../../net/rumpnet-inet/tests/packetdrill";

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let mut files = Vec::new();
    collect(&folder, &mut files);
    files.sort();
    let mut trials = vec![Trial::test("there_are_at_least_150_scripts", {
        let count = files.len();
        move || if count >= 150 { Ok(()) } else { Err(format!("{count} scripts").into()) }
    })];
    for (seed, file) in files.iter().enumerate() {
        let (name, file) = (format!("damaged {}", file.display()), file.clone());
        trials.push(Trial::test(name, move || damage(&file, seed as u64)));
    }
    for file in files {
        let name = file.strip_prefix(&folder).unwrap_or(&file).display().to_string();
        trials.push(Trial::test(name, move || check(&file)));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "pkt") {
            files.push(path);
        }
    }
}

/// How many times each script is damaged.
const DAMAGES: usize = 20;

/// Whatever a script says, the answer is a verdict or an error of syntax.
fn damage(file: &Path, seed: u64) -> Result<(), Failed> {
    let text = std::fs::read_to_string(file)?;
    let mut state = seed.wrapping_add(1);
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    for _ in 0..DAMAGES {
        let mut lines: Vec<String> = text.lines().map(String::from).collect();
        for _ in 0..=random(3) {
            let last = lines.len() - 1;
            let at = random(lines.len());
            match random(5) {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, lines[random(lines.len())].clone()),
                2 => lines.swap(at, last),
                3 => {
                    let words: Vec<&str> = lines[at].split(' ').collect();
                    let other = lines[random(lines.len())].split(' ').next_back().unwrap_or_default();
                    let place = random(words.len());
                    let changed =
                        words.iter().enumerate().map(|(n, word)| if n == place { other } else { word });
                    lines[at] = changed.collect::<Vec<_>>().join(" ");
                }
                _ => {
                    let digit = char::from(b'0' + random(10) as u8);
                    let place = random(lines[at].len());
                    let line = lines[at].chars().enumerate();
                    let is_it = |n: usize, c: char| n >= place && c.is_ascii_digit();
                    let mut done = false;
                    lines[at] = line
                        .flat_map(|(n, c)| {
                            let grows = !done && is_it(n, c);
                            done |= grows;
                            [Some(c), grows.then_some(digit)].into_iter().flatten()
                        })
                        .collect();
                }
            }
        }
        if let Ok(script) = parse(&lines.join("\n")) {
            run(&script, &settings());
        }
    }
    Ok(())
}

/// Virtual time is exact: so are the scripts.
fn settings() -> Settings {
    Settings {
        tolerance: Duration::from_millis(1),
        tolerance_percent: 0.0,
        timestamp_tick: Duration::from_millis(1),
        strict: true,
        ..Settings::default()
    }
}

fn check(file: &Path) -> Result<(), Failed> {
    let text = std::fs::read_to_string(file)?;
    let first = text.lines().next().unwrap_or_default();
    check_covered(first)?;
    let script = parse(&text).map_err(|error| error.to_string())?;
    let report = run(&script, &settings());
    match &report.verdict {
        Verdict::Passed if report.notes.is_empty() => {}
        Verdict::Passed => return Err(report.notes.join("\n").into()),
        Verdict::Failed(failure) => return Err(format!("{failure}\n{}", report.dialogue.join("\n")).into()),
        Verdict::Skipped(line, why) => return Err(format!("{line}: skipped: {why}").into()),
    }
    let altered = alterations(&script);
    if altered.is_empty() {
        return Err("nothing in it could fail".into());
    }
    for (line, what, script) in altered {
        if is_passed(&run(&script, &settings())) {
            return Err(format!("{line}: passes with {what}").into());
        }
    }
    Ok(())
}

/// The first line names an RFC that the table of what is covered has. Errors: it does not.
fn check_covered(line: &str) -> Result<(), Failed> {
    let number = line.strip_prefix("// RFC ").ok_or("the first line names no RFC")?;
    let number: String = number.chars().take_while(char::is_ascii_digit).collect();
    let status = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(STATUS))?;
    let row = status.lines().find(|row| row.starts_with(&format!("| {number} |")));
    let row = row.ok_or_else(|| format!("docs/status.md has no row of RFC {number}"))?;
    let section: String = match line.split_once(", section ") {
        Some((_, rest)) => rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect(),
        None => return Ok(()),
    };
    let section = section.trim_end_matches('.');
    let is_there = row.contains(&format!(" {section} ("));
    if is_there { Ok(()) } else { Err(format!("docs/status.md does not name section {section}").into()) }
}

fn is_passed(report: &Report) -> bool {
    report.verdict == Verdict::Passed
}

type Alteration = (u32, &'static str, Script);

/// The script with one thing changed that it says of the kernel, for each of them.
fn alterations(script: &Script) -> Vec<Alteration> {
    let mut all = Vec::new();
    for at in 0..script.events.len() {
        let line = script.events[at].place.line;
        let mut alter = |what, change: &dyn Fn(&mut rump_packetdrill::script::Event) -> bool| {
            let mut altered = script.clone();
            if change(&mut altered.events[at]) {
                all.push((line, what, altered));
            }
        };
        alter("another acknowledgement", &|event| {
            segment(event, |segment| {
                segment.ack = segment.ack.map(|ack| ack.wrapping_add(1));
                segment.flags & flag::ACK != 0
            })
        });
        alter("another flag", &|event| {
            segment(event, |segment| {
                segment.flags ^= flag::PSH;
                true
            })
        });
        // The number of a SYN is what the others are relative to.
        alter("another number", &|event| {
            segment(event, |segment| {
                segment.start = segment.start.wrapping_add(1);
                segment.flags & flag::SYN == 0
            })
        });
        alter("another length", &|event| {
            segment(event, |segment| {
                segment.length += 1;
                true
            })
        });
        alter("another window", &|event| {
            segment(event, |segment| {
                segment.window = segment.window.map(|window| window ^ 1);
                segment.window.is_some()
            })
        });
        alter("another time", &|event| {
            let is_expected =
                matches!(&event.action, Action::Packet(packet) if packet.direction == Direction::Out);
            match &mut event.time {
                When::After(time) | When::At(time) if is_expected => *time += Duration::from_millis(3),
                _ => return false,
            }
            true
        });
        alter("another length of a datagram", &|event| match &mut event.action {
            Action::Packet(packet) if packet.direction == Direction::Out => match &mut packet.body {
                Body::Udp { length, .. } => {
                    *length += 1;
                    true
                }
                Body::Icmp(icmp) => {
                    icmp.kind.push('x');
                    true
                }
                Body::Tcp(_) => false,
            },
            _ => false,
        });
        alter("something else that is put out", &|event| match &mut event.action {
            Action::Call(call) if matches!(call.result, Expression::Number(1..)) => {
                let at = match call.name.as_str() {
                    "epoll_wait" | "recvmsg" | "recvmmsg" => 1,
                    "kevent" => 3,
                    _ => return false,
                };
                call.arguments.get_mut(at).is_some_and(put_out_otherwise)
            }
            _ => false,
        });
        alter("another answer", &|event| match &mut event.action {
            Action::Call(call) => match &mut call.result {
                // Which descriptor it is, is the script's own.
                Expression::Number(number)
                    if call.errno.is_some() || !["socket", "accept", "accept4"].contains(&&*call.name) =>
                {
                    *number += 1;
                    true
                }
                _ => false,
            },
            _ => false,
        });
    }
    all
}

/// Changes the first number that a call puts out into structures. Answers whether there is one.
fn put_out_otherwise(expression: &mut Expression) -> bool {
    const FIELDS: [&str; 5] = ["events", "data", "msg_len", "msg_flags", "cmsg_data"];
    match expression {
        Expression::Named(name, value) if FIELDS.contains(&name.as_str()) => {
            let before = match &mut **value {
                Expression::List(list) => list.remove(0),
                value => value.clone(),
            };
            // No script has this bit.
            **value = Expression::Or(vec![before, Expression::Number(0x400_0000)]);
            true
        }
        Expression::Named(_, value) => put_out_otherwise(value),
        Expression::List(list) | Expression::Struct(list) => list.iter_mut().any(put_out_otherwise),
        _ => false,
    }
}

fn segment(
    event: &mut rump_packetdrill::script::Event,
    change: impl FnOnce(&mut rump_packetdrill::script::Segment) -> bool,
) -> bool {
    match &mut event.action {
        Action::Packet(packet) if packet.direction == Direction::Out => match &mut packet.body {
            Body::Tcp(segment) => change(segment),
            _ => false,
        },
        _ => false,
    }
}
