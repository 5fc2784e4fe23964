//! Every pair of a call and an error number that the headers document has a check in `c`, or a reason why it has none.
//!
//! What counts is what the preprocessor makes of the programs: a check that a macro makes for many calls is a check of each of
//! them, and one that is left out is none. `answers_` of `check.h` gets the call and the name of the number.

mod documented_pairs;

use buildrump::manual;
use documented_pairs::UNTESTED;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A call, and an error number.
type Pair = (String, String);

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Numbers that Linux has two names for.
fn one_name(number: &str) -> &str {
    match number {
        "EWOULDBLOCK" => "EAGAIN",
        "ENOTSUP" => "EOPNOTSUPP",
        other => other,
    }
}

fn pair(call: &str, number: &str) -> Pair {
    (call.to_string(), one_name(number).to_string())
}

fn documented() -> BTreeSet<Pair> {
    let documented = manual::documented_errors(&source().join("include")).unwrap();
    let of_call = |(call, numbers): (&String, &BTreeSet<String>)| -> Vec<Pair> {
        numbers.iter().map(|number| pair(call, number)).collect()
    };
    documented.iter().flat_map(of_call).collect()
}

/// A program as the compiler sees it.
fn preprocessed(program: &Path) -> String {
    let mut command = Command::new("gcc");
    command.args(["-E", "-P", "-std=c99", "-D_GNU_SOURCE=", "-I"]).arg(source().join("include"));
    let output = command.arg("-I").arg(source().join("tests/capi/c")).arg(program).output().unwrap();
    assert!(output.status.success(), "{}: {}", program.display(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The arguments of a call whose opening parenthesis is before `text`.
fn arguments(text: &str) -> Vec<&str> {
    let (mut found, mut begin, mut depth, mut quote, mut is_escaped) = (Vec::new(), 0, 0, None, false);
    for (place, letter) in text.char_indices() {
        if let Some(end) = quote {
            if !is_escaped && letter == end {
                quote = None;
            }
            is_escaped = !is_escaped && letter == '\\';
            continue;
        }
        match letter {
            '"' | '\'' => quote = Some(letter),
            ')' if depth == 0 => {
                found.push(text[begin..place].trim());
                return found;
            }
            ',' if depth == 0 => {
                found.push(text[begin..place].trim());
                begin = place + 1;
            }
            '(' | '{' => depth += 1,
            ')' | '}' => depth -= 1,
            _ => {}
        }
    }
    panic!("a call does not end: {}", &text[..text.len().min(200)]);
}

/// The names of error numbers.
fn names() -> BTreeMap<u32, String> {
    let mut command = Command::new("gcc");
    let output = command.args(["-E", "-dM", "-x", "c", "-include", "errno.h", "/dev/null"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let defined = text.lines().filter_map(|line| line.strip_prefix("#define E")?.split_once(' '));
    defined.filter_map(|(name, number)| Some((number.parse().ok()?, format!("E{name}")))).collect()
}

/// The pairs that a program checks.
fn checked(text: &str, names: &BTreeMap<u32, String>) -> BTreeSet<Pair> {
    let checks = text.match_indices("answers_(").map(|(place, call)| arguments(&text[place + call.len()..]));
    let pairs = checks.filter_map(|check| {
        let [answer, _, number, _, name, _, _] = check[..] else { panic!("{check:?}") };
        // Macros that pass a number on pass what it is defined as.
        let number = number.trim_matches(['(', ')']).parse().unwrap_or(0);
        let name = names.get(&number).map_or(name.trim_matches('"'), |name| name);
        let call = answer.trim_start_matches("(long)").trim_start_matches('(').split('(').next()?;
        name.starts_with('E').then(|| pair(call.trim(), name))
    });
    pairs.collect()
}

/// What all programs check.
fn tested() -> BTreeSet<Pair> {
    let names = names();
    let mut tested: BTreeSet<Pair> = BTreeSet::new();
    let folders = ["tests/capi/c", "tests/capi/c/remote"].map(|folder| source().join(folder));
    for entry in folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()) {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "c") {
            let text = preprocessed(&path);
            let text =
                text.split_once("answers_(").map_or("", |(_, behind_its_definition)| behind_its_definition);
            tested.extend(checked(text, &names));
        }
    }
    assert!(!tested.is_empty(), "no program checks an error number");
    tested
}

/// The pairs that stand in the list of those without a check.
fn excused() -> BTreeSet<Pair> {
    let of_reason = |(_, pairs): &(_, &[(&str, &[&str])])| -> Vec<Pair> {
        pairs.iter().flat_map(|(number, calls)| calls.iter().map(|call| pair(call, number))).collect()
    };
    UNTESTED.iter().flat_map(of_reason).collect()
}

fn listed<'a>(pairs: impl IntoIterator<Item = &'a Pair>) -> String {
    pairs.into_iter().map(|(call, number)| format!("{number}\t{call}\n")).collect()
}

#[test]
fn every_documented_error_has_a_check_or_a_reason() {
    let (documented, tested, excused) = (documented(), tested(), excused());
    let missing: Vec<_> =
        documented.iter().filter(|pair| !tested.contains(*pair) && !excused.contains(*pair)).collect();
    assert!(
        missing.is_empty(),
        "{} of {} pairs have no check:\n{}",
        missing.len(),
        documented.len(),
        listed(missing.iter().copied())
    );
}

#[test]
fn a_reason_stands_only_where_it_is_needed() {
    let (documented, tested, excused) = (documented(), tested(), excused());
    let tested_too: Vec<_> = excused.iter().filter(|pair| tested.contains(*pair)).collect();
    let of_nothing: Vec<_> = excused.difference(&documented).collect();
    assert!(
        tested_too.is_empty() && of_nothing.is_empty(),
        "tested:\n{}not documented:\n{}",
        listed(tested_too),
        listed(of_nothing)
    );
}

#[test]
fn a_check_is_known_by_its_call_and_number() {
    let text = r#"answers_((long)(rump_sys_open("a,)\"", 1)), -1, (2), "open", "number", "f", 1); answers_((long)(
        rump_pub_etfs_remove(x)), (long)(22), 0, "r", "EINVAL", "f", 2); answers_((long)(f()), (long)(0), 0, "f", "0", "f", 3)"#;
    let expected = [pair("rump_pub_etfs_remove", "EINVAL"), pair("rump_sys_open", "ENOENT")];
    assert_eq!(checked(text, &names()), BTreeSet::from(expected));
}
