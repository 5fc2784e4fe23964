//! Examples, run as a new user runs them: without privilege, and with wrong words as well.
#![forbid(unsafe_code)]

mod example;

use std::process::{Output, Stdio};

fn run(words: &[&str]) -> Output {
    let (name, rest) = words.split_first().unwrap();
    example::built(name).args(rest).stdin(Stdio::null()).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_router_passes_on_between_two_buses() {
    let output = run(&["router"]);
    let text_of_it = text(&output);
    assert!(output.status.success(), "{text_of_it}");
    for sequence in 1..=3 {
        let line = format!("answer from 10.2.0.1: number {sequence}, over 1 router\n");
        assert!(text_of_it.contains(&line), "{text_of_it}");
    }
    assert!(text_of_it.contains("6 packets forwarded\n"), "{text_of_it}");
}

#[test]
fn a_router_between_links_ends_with_its_input() {
    let folder = std::env::temp_dir().join(format!("rump-examples-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let bus = |name: &str| format!("shmif:{}", folder.join(name).display());
    let output = run(&["router", &bus("a"), "10.1.0.254/24", &bus("b"), "10.2.0.254/24"]);
    assert!(output.status.success() && text(&output).contains("0 packets forwarded\n"), "{}", text(&output));
    for (words, expected) in [
        (&["x"][..], "usage: router [LINK ADDRESS/LENGTH"),
        (&["x", "10.0.0.1/24", "y", "10.1.0.1/24"], "\"x\" is no link: it is shmif:PATH"),
        (&[&bus("a"), "10.0.0.1/33", &bus("b"), "10.1.0.1/24"], "10.0.0.1/33"),
    ] {
        let output = run(&[&["router"], words].concat());
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).contains(expected), "{}", text(&output));
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn two_hosts_of_files_answer_each_other() {
    let output = run(&["static-hosts"]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(text(&output).matches("answer from ").count(), 6, "{}", text(&output));
}
